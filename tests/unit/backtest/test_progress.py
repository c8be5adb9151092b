"""A backtest says how far it is, and a person at a terminal sees it."""

import io
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console

from infra.settings import load_settings
from signaltape.backtest import BacktestRequest, BarFile, Choice, Moved, backtest
from signaltape.cli import progress
from tests.support.bar_file import MARKET, bar_file, stamps
from tests.support.linear_models import write_linear_model


def test_every_bar_is_told_with_the_time_reached(tmp_path: Path) -> None:
    write_linear_model(tmp_path / "model", weights={"logret_1": -0.5})
    file = BarFile(path=bar_file(tmp_path, "parquet"), interval="1m", stamp="close")
    request = BacktestRequest(
        choice=Choice(model=str(tmp_path / "model")), out=tmp_path / "out", source=file,
        start=stamps(20)["event_time"], end=stamps(44)["event_time"],
    )  # fmt: skip
    told: list[Moved] = []
    found = backtest(load_settings(), request, told.append)
    times = [one.event_time for one in told]
    assert times == sorted(times)
    assert times[-1] == stamps(44)["event_time"]
    assert sum(one.bars for one in told) == int(MARKET.present[:45].sum())
    assert sum(one.bars for one in told if one.event_time >= one.start) == found.counts.bars == told[0].of


def test_a_terminal_shows_bars_and_event_time(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(
        progress, "Console", lambda **_: Console(file=screen, force_terminal=True, width=100, force_interactive=True)
    )
    at = partial(Moved, bars=500, start=stamps(20)["event_time"], of=2_000)
    with progress.reached() as moved:
        moved(at(event_time=stamps(5)["event_time"]))
        moved(at(event_time=stamps(30)["event_time"]))
    shown = screen.getvalue()
    assert "2024-01-01 00:31" in shown
    assert "500/2000" in shown
