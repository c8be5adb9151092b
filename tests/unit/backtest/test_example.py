"""From a raw CSV to a report in under thirty lines, run as its readers run it."""

import csv
import json
import runpy
import sys
from pathlib import Path

import pytest

from tests.support.training_bars import simulated

EXAMPLE = Path(__file__).parents[3] / "examples" / "backtest_csv.py"


def test_raw_bars_become_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bars = simulated(symbols=22, sessions=2)
    path = tmp_path / "bars.csv"
    names = ("symbol", "event_time", "open", "high", "low", "close", "volume")
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["ts" if name == "event_time" else name for name in names])
        writer.writerows(zip(*(getattr(bars, name).tolist() for name in names), strict=True))
    out = tmp_path / "result"
    monkeypatch.setenv("SIGNALTAPE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(
        sys, "argv", ["backtest_csv.py", str(path), "--interval", "1m", "--stamp", "close", "--out", str(out)]
    )
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    said = capsys.readouterr().out
    assert "Sharpe ratio" in said
    assert "is no evidence" not in said  # the range begins where the model's test span does
    result = json.loads((out / "backtest" / "result.json").read_text())
    assert result["metrics"]["trades"]["value"] > 100
    assert (out / "backtest" / "report.html").stat().st_size > 20_000


def test_it_is_short_and_says_how_it_is_run() -> None:
    text = EXAMPLE.read_text()
    assert "python examples/backtest_csv.py bars.csv" in text
    code = text.split('"""')[2]
    assert len([line for line in code.splitlines() if line.strip()]) < 30
