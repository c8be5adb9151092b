"""What is said of a result: bars known too late for their fills, models that knew the bars, another arithmetic."""

from dataclasses import replace
from pathlib import Path

import pytest

from infra.history.arithmetic import notes_about_arithmetic
from infra.scoring.folder_registry import FolderRegistry
from infra.scoring.numerics import host_fingerprint
from infra.scoring.untimed import UntimedModels
from infra.settings import load_settings
from pipeline.deployments import ModelRef
from pipeline.numerics import fingerprint
from pipeline.trading.options import TradingOptions
from schemas.intervals import DAY, MINUTE
from signaltape.backtest import BacktestRequest, BarFile, Choice, backtest
from signaltape.backtest.models import notes_about_live
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


def test_a_live_model_that_was_made_from_the_bars_it_speaks_of_is_named(tmp_path: Path) -> None:
    """History that was published after the model had been trained on it."""
    write_linear_model(tmp_path, weights={"logret_1": -0.5}, training={"first_test_time": 5 * DAY})
    models, ref = UntimedModels(FolderRegistry(tmp_path)), ModelRef(name="linear-test", version=1)
    (said,) = notes_about_live(models, {ref: 4 * DAY})
    assert said == (
        "linear-test:1 was trained and calibrated on bars before 1970-01-06T00:00:00Z: what it earns on those is no "
        "evidence, and it serves here from 1970-01-05T00:00:00Z on"
    )
    assert list(notes_about_live(models, {ref: 5 * DAY})) == []


def test_rows_that_another_arithmetic_made_are_named() -> None:
    own = {"features": frozenset({fingerprint(), ""}), "scores": frozenset({host_fingerprint()})}
    assert list(notes_about_arithmetic(own)) == []
    (said,) = notes_about_arithmetic(own | {"scores": frozenset({"other", host_fingerprint()})})
    assert said.startswith(f"scores were made under the arithmetic other then, this host has {host_fingerprint()}")
