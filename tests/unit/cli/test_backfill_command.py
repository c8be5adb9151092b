"""`signaltape backfill`: what is refused before anything is connected to, with exit code 2."""

import sys
from pathlib import Path

import pytest

from signaltape.__main__ import main

BARS = "symbol,ts,open,high,low,close\nA,2024-01-02T15:00:00Z,10,11,9,10\n"
GOOD = ("--interval", "1m", "--stamp", "close", "--available-lag", "0s")

# Options after FILE, and what the message says.
BAD = {
    "no availability": (GOOD[:4], "say when the bars could be known"),
    "two availabilities": ((*GOOD, "--available-column", "known"), "only one of both"),
    "negative lag": ((*GOOD[:4], "--available-lag=-1s"), "--available-lag is -1s"),
    "lag without unit": ((*GOOD[:4], "--available-lag", "15"), "number with its unit"),
    "unknown interval": (("--interval", "7m", *GOOD[2:]), "interval '7m' is not known"),
    "no stamp": (GOOD[:2], "--stamp open|close"),
    "bad stamp": (("--interval", "1m", "--stamp", "mid", "--available-lag", "0s"), "stamp is 'mid'"),
    "no such adjustments": ((*GOOD, "--adjustments", "nowhere.csv"), "nowhere.csv: no such file"),
    "a file and the topic": (("--from-topic",), "takes everything from the log"),
}


@pytest.mark.parametrize("name", BAD)
def test_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    options, message = BAD[name]
    (tmp_path / "bars.csv").write_text(BARS)
    monkeypatch.setenv("SIGNALTAPE_POSTGRES__DSN", "postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setattr(sys, "argv", ["signaltape", "backfill", str(tmp_path / "bars.csv"), *options])
    with pytest.raises(SystemExit) as ended:
        main()
    said = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert ended.value.code == 2, said
    assert message in said
