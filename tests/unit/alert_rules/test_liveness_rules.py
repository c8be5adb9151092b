"""The Prometheus rules: names that exist, sections that a reader finds, and their own tests."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client import REGISTRY

import infra.telemetry.metrics  # noqa: F401  (registers every metric of the project)
from pipeline.engine_types import ROW_STATUSES
from schemas.predictions import OUTCOMES
from tests.support import debian_tools

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[3]
RULES = ROOT / "infra/prometheus/rules"
FILES = ("liveness.yml", "pipeline.yml")
RUNBOOK = ROOT / "docs/runbook.md"
ALERT = re.compile(
    r"^      - alert: (\w+)\n(.*?)(?=^      - alert: |^      #|^  - name: |\Z)", re.MULTILINE | re.DOTALL
)
SEVERITIES = ("warning", "severe", "urgent")


def alerts() -> list[tuple[str, str]]:
    """(name, the lines below it) of each rule; the file keeps to one layout, so that no YAML parser is needed."""
    return [one for name in FILES for one in ALERT.findall(text_of(name))]


def text_of(name: str) -> str:
    return (RULES / name).read_text()


def expression(body: str) -> str:
    return body.split("expr: |\n")[1].split("        labels:")[0].split("        for:")[0]


def sections() -> dict[str, str]:
    """Heading of the third level → what stands below it."""
    parts = re.split(r"^### (.+)\n", RUNBOOK.read_text(), flags=re.MULTILINE)
    return {name: text.split("\n## ")[0] for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def exported() -> dict[str, set[str]]:
    """Sample name → labels, as the processes export them."""
    found: dict[str, set[str]] = {}
    for collector in set(REGISTRY._collector_to_names):  # the registry lists only what has a value by now
        labels = set(getattr(collector, "_labelnames", ()))
        found |= dict.fromkeys(REGISTRY._collector_to_names[collector], labels)
    return found


def rule_names() -> set[str]:
    """Names of every rule that the code or a policy file that comes with it can raise."""
    names: set[str] = set()
    for path in (ROOT / "pipeline").rglob("*.py"):
        names.update(_raised_in(ast.parse(path.read_text())))
    for path in (ROOT / "pipeline/drift/policies").glob("*.toml"):
        policy = tomllib.loads(path.read_text())
        names.update(rule["name"] for kind in ("rules", "feature_rules") for rule in policy.get(kind, ()))
    return names


def _raised_in(tree: ast.Module) -> Iterator[str]:
    """`rule="…"` of any call, `name="…"` of a `_Rule` (each may name a constant), and a constant `RULE`."""
    constants = dict(_constants(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "RULE":
            yield ast.literal_eval(node.value)
        if not isinstance(node, ast.Call):
            continue
        wanted = "name" if isinstance(node.func, ast.Name) and node.func.id == "_Rule" else "rule"
        for keyword in node.keywords:
            if keyword.arg == wanted and isinstance(keyword.value, ast.Constant):
                yield str(keyword.value.value)
            elif keyword.arg == wanted and isinstance(keyword.value, ast.Name) and keyword.value.id in constants:
                yield constants[keyword.value.id]


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Names of the module that hold a text, alone or as one of several assigned at once."""
    for node in tree.body:
        if isinstance(node, ast.Assign):
            names, values = (
                (one.elts if isinstance(one, ast.Tuple) else [one]) for one in (node.targets[0], node.value)
            )
            for name, value in zip(names, values, strict=False):
                if isinstance(name, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield name.id, value.value


def test_every_rule_is_read() -> None:
    assert len(alerts()) == sum(text_of(name).count("- alert:") for name in FILES) == 25


@pytest.mark.parametrize(("name", "body"), [pytest.param(*one, id=f"{at}-{one[0]}") for at, one in enumerate(alerts())])
def test_a_rule_says_how_bad_it_is_what_it_saw_and_where_to_read_on(name: str, body: str) -> None:
    (severity,) = re.findall(r"severity: (\w+)", body)
    assert severity in SEVERITIES
    assert re.search(r'summary: ".{20,}"', body)
    (link,) = re.findall(r"runbook_url: (\S+)", body)
    assert link == f"docs/runbook.md#{name.lower()}"
    assert name in sections()


def test_every_metric_and_label_of_an_expression_is_one_that_a_process_exports() -> None:
    known = exported()
    assert "signaltape_lag_messages" in known
    for name, body in alerts():
        used = re.findall(r"\b((?:signaltape|model|kafka|process)_\w+)(?:\{([^}]*)\})?", expression(body))
        assert used or re.search(r"\bup\{", expression(body)), name
        for metric, selector in used:
            assert metric in known, f"{name}: no process exports {metric}"
            labels = set(re.findall(r"(\w+)=", selector)) - {"job", "instance", "process"}  # of the target
            assert labels <= known[metric], f"{name}: labels of {metric}"


def test_outcomes_of_bars_and_signals_are_those_that_are_counted() -> None:
    text = "".join(text_of(name) for name in FILES)
    outcomes = re.findall(r'signaltape_bars_total\{outcome="(\w+)"', text)
    assert outcomes
    assert set(outcomes) <= set(ROW_STATUSES)
    held = re.findall(r'signaltape_signals_held_total\{outcome=~"([\w|]+)"', text)
    assert held
    assert {name for one in held for name in one.split("|")} <= set(OUTCOMES)


def test_every_rule_that_the_code_can_raise_has_a_section_that_says_what_to_do() -> None:
    names, found = rule_names(), sections()
    assert {"no_signal", "ic_fell", "psi_shifted", "shadow_count_differs", "control_late"} <= names
    assert names <= found.keys(), f"no section in docs/runbook.md: {sorted(names - found.keys())}"
    assert found.keys() == names | {name for name, _ in alerts()}, "a section about a rule that there is not"
    for name, text in found.items():
        assert all(f"**{part}**: " in text for part in ("Means", "Look at", "Do", "Escalate")), name
        assert "`signaltape " in text, f"{name}: no command to look or to act with"


def test_links_within_the_runbook_lead_to_sections() -> None:
    linked = set(re.findall(r"\]\(#([\w-]+)\)", RUNBOOK.read_text()))
    assert linked <= {name.lower() for name in sections()}
    files = re.findall(r"\]\(([^#)]+)\)", RUNBOOK.read_text())
    assert all((RUNBOOK.parent / path).is_file() for path in files)


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "rules", *FILES],
        ["test", "rules", "liveness.test.yml"],
        pytest.param(["test", "rules", "bars_stopped.test.yml"], marks=pytest.mark.slow),
        ["test", "rules", "pipeline.test.yml"],
    ],
    ids=" ".join,
)
def test_promtool_agrees(arguments: list[str]) -> None:
    done = subprocess.run(
        [debian_tools.promtool(), *arguments],
        cwd=RULES,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_is_seen_to_fire_and_to_stay_quiet() -> None:
    tests = [yaml.safe_load(path.read_text()) for path in RULES.glob("*.test.yml")]
    looks = [look for document in tests for test in document["tests"] for look in test["alert_rule_test"]]
    fires = {look["alertname"] for look in looks if look.get("exp_alerts")}
    quiet = {look["alertname"] for look in looks if not look.get("exp_alerts")}
    assert fires == quiet == {name for name, _ in alerts()}
