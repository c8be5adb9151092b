"""`signaltape publish --wait`: returns once nothing waits, or says before which service something does."""

import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from infra.broker.bar_feed import FeedCounts
from signaltape import draining, publishing
from signaltape.__main__ import main

BARS = "symbol,ts,open,high,low,close\nA,2024-01-02T15:00:00Z,10,11,9,10\n"


@pytest.fixture
def publish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[tuple[str, int]]]:
    """The command, without servers; what waits at each look can be put into the list, the last of it stays."""
    (tmp_path / "bars.csv").write_text(BARS)
    looks: list[list[tuple[str, int]]] = []
    monkeypatch.setenv("SIGNALTAPE_HOME", str(tmp_path))
    monkeypatch.setattr(publishing, "publish_table", lambda *_, **__: FeedCounts(bars=1, batches=1, watermarks=2))
    monkeypatch.setattr(draining, "connect", lambda *_, **__: nullcontext())
    monkeypatch.setattr(draining, "_LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(draining, "waiting", lambda *_: iter(looks.pop(0) if len(looks) > 1 else looks[0]))
    arguments = ["publish", str(tmp_path / "bars.csv"), "--interval", "1m", "--stamp", "close"]
    monkeypatch.setattr(sys, "argv", ["signaltape", *arguments])
    return looks


def run(capsys: pytest.CaptureFixture[str], wait: str) -> tuple[int, str, str]:
    sys.argv += ["--wait", wait]
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def test_it_returns_once_nothing_waits(
    publish: list[list[tuple[str, int]]], capsys: pytest.CaptureFixture[str]
) -> None:
    publish += [[("features", 2)], [("features", 2)], [("store", 1), ("drift", 3)], []]
    code, out, err = run(capsys, "60")
    assert (code, out) == (0, "1 bars in 1 batches, 2 watermarks, feed bars\n")
    told = [line for line in err.splitlines() if "wait" in line]
    assert told == ["2 messages wait before features", "1 messages wait before store, 3 messages wait before drift"]


def test_what_still_waits_is_named_and_the_command_fails(
    publish: list[list[tuple[str, int]]], capsys: pytest.CaptureFixture[str]
) -> None:
    publish += [[("store", 1)]]
    code, out, err = run(capsys, "0.2")
    assert (code, out) == (1, "1 bars in 1 batches, 2 watermarks, feed bars\n"), "it was published all the same"
    assert "published, but after 0.2 s messages wait: 1 before store. Does every service run?" in err
