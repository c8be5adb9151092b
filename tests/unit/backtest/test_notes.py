"""What is said of a result: bars that were known too late for the fills of their signals."""

from dataclasses import replace
from pathlib import Path

import pytest

from infra.settings import load_settings
from pipeline.trading.options import TradingOptions
from schemas.intervals import DAY, MINUTE
from signaltape.backtest import BacktestRequest, BarFile, Choice, backtest
from signaltape.backtest.notes import lag_notes
from tests.support.bar_file import bar_file
from tests.support.linear_models import write_linear_model

#: Lag in ns, interval, fill, and how often it is said.
LAGS = [
    (0, "1m", "next_open", 0),
    (1, "1m", "next_open", 1),
    (MINUTE, "1m", "next_close", 0),
    (MINUTE + 1, "1m", "next_close", 1),
    (MINUTE, "1d", "next_open", 0),  # the next open is on another day
    (DAY + 1, "1d", "next_open", 1),
]


@pytest.mark.parametrize(("lag", "interval", "fill", "said"), LAGS)
def test_a_lag_is_said_where_an_order_would_have_come_too_late(lag: int, interval: str, fill: str, said: int) -> None:
    assert len(list(lag_notes(lag, interval, fill))) == said


def test_the_lag_of_a_file_is_said(tmp_path: Path) -> None:
    write_linear_model(tmp_path / "model", weights={"logret_1": -0.5})
    bars = BarFile(path=bar_file(tmp_path, "csv"), interval="1m", stamp="close", lag=20 * 10**9)
    asked = BacktestRequest(choice=Choice(model=str(tmp_path / "model")), source=bars, out=tmp_path / "open")
    found = backtest(load_settings(), asked)
    assert any(note.startswith("bars were known up to 20 s after their close") for note in found.notes)
    for number, other in enumerate(
        (replace(asked, source=replace(bars, lag=0)), replace(asked, trading=TradingOptions(fill="next_close")))
    ):
        found = backtest(load_settings(), replace(other, out=tmp_path / str(number)))
        assert not any("were known" in note for note in found.notes)
