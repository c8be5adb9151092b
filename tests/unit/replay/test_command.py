"""`signaltape replay`: what is refused before any server is asked, and looking at what there is."""

import json
from pathlib import Path

import pytest

from infra.settings import Settings
from signaltape.replay.record import ReplayRecord, claimed
from tests.support.commands import Run, runner

FROM, TO = "--from=2024-01-02T00:00:00Z", "--to=2024-01-03T00:00:00Z"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        home=tmp_path,
        kafka={"bootstrap_servers": "127.0.0.1:1"},  # type: ignore[arg-type]
        postgres={"dsn": "postgresql://nobody@127.0.0.1:1/none"},  # type: ignore[arg-type]
    )


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(settings, monkeypatch, capsys)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((FROM,), "give --to as well"),
        (("--from=2024-01-02", TO), "has no zone"),
        (("--from=2024-01-04T00:00:00Z", TO), "is not before --to"),
        ((FROM, TO, "--id=A.b"), "lower-case letters, digits and dashes"),
        ((FROM, TO, "--speed=fast"), "use max, 1x, 60x"),
        ((FROM, TO, "--model=:1"), "write NAME or NAME:VERSION"),
        ((FROM, TO, "--symbols=A,A"), "names a symbol twice"),
        ((FROM, TO, "--stamp=close"), "belong to a file"),
        (("--source=nowhere.csv",), "no such file"),
        (("--source=pyproject.toml",), "give --interval and --stamp"),
        (("show", "A.b"), "lower-case letters, digits and dashes"),
    ],
)
def test_usage_errors(run: Run, arguments: tuple[str, ...], message: str) -> None:
    ran = run("replay", *arguments)
    assert ran.code == 2
    assert message in ran.err


def test_without_arguments_it_says_how_it_is_used(run: Run) -> None:
    ran = run("replay")
    assert ran.code == 2
    assert "--from" in ran.out


def test_a_server_that_is_away_is_named(run: Run, tmp_path: Path) -> None:
    ran = run("replay", FROM, TO)
    assert ran.code == 1
    assert "Postgres does not answer at 127.0.0.1:1" in ran.err
    assert not (tmp_path / "replays").exists()


def test_list_and_show(run: Run, settings: Settings) -> None:
    assert run("replay", "list").out == "no replays\n"
    asked = {"from": "x", "to": "y", "symbols": [], "speed": "60x", "source": "store", "model": None}
    with claimed(settings, ReplayRecord(ident="one", request=asked, created_at="now")) as claim:
        claim.note(state="running", progress={"bars": 1_234})
        assert "running" in run("replay", "list").out
        assert json.loads(run("replay", "show", "one", "--json").out)["progress"] == {"bars": 1_234}
    assert "died" in run("replay", "show", "one").out
    for command in ("show", "pause", "resume", "cancel"):
        ran = run("replay", command, "two")
        assert ran.code == 1
        assert "`signaltape replay list`" in ran.err
