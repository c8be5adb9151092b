"""The settings' reference: complete, current, and the example file names nothing else."""

import re
from pathlib import Path

from infra.settings_reference import documented, markdown, reference

ROOT = Path(__file__).parents[3]
ENTRIES = [entry for group in reference() for entry in group.entries]


def test_every_setting_says_what_it_means() -> None:
    silent = [entry.name for entry in ENTRIES if not entry.meaning]
    assert not silent, f"say what they mean in their group's docstring, as `name: text.`: {silent}"


def test_the_page_is_current() -> None:
    page = (ROOT / "docs/operations/settings.md").read_text()
    assert page == "\n".join(markdown()).rstrip() + "\n", (
        "run: signaltape config reference > docs/operations/settings.md"
    )


def test_the_example_file_names_settings_with_their_defaults() -> None:
    known = {entry.variable: entry for entry in ENTRIES}
    known_before = {"SIGNALTAPE_CONFIG", "SIGNALTAPE_MAVEN_REPOSITORY"}
    for line in (ROOT / ".env.example").read_text().splitlines():
        if found := re.match(r"#?(SIGNALTAPE_\w+)=(.*)", line):
            assert found[1] in known.keys() | known_before, line
            if not line.startswith("#"):
                assert found[2] == (known[found[1]].default or ""), line


def test_meanings_are_taken_from_a_docstring() -> None:
    text = """Summary: this is none.

    alpha, beta (of one request): both; for each one. port 0: any
    free one. mean: not a setting. gamma: ``code`` and more: with a colon.
    """
    found = documented(text, dict.fromkeys(("alpha", "beta", "port", "gamma")))
    assert found == {
        "alpha": "both; for each one.",
        "beta": "both; for each one. (of one request)",
        "port": "any free one. mean: not a setting.",
        "gamma": "code and more: with a colon.",
    }


def test_secrets_types_and_bounds_are_named() -> None:
    rows = {entry.name: entry for entry in ENTRIES}
    assert rows["api.token"].secret
    assert rows["postgres.dsn"].secret
    assert not rows["api.port"].secret
    assert (rows["log.level"].kind, rows["log.level"].default) == ("`debug` or `info` or `warning` or `error`", "info")
    assert rows["features.round_messages"].bounds == "≥ 1"
    assert rows["engine.horizons"].kind == "JSON list of whole number"
    assert rows["daily.at"].default == "06:00"
