"""The same day, live and as a backtest: the same signals, bit for bit."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from infra.settings import Settings
from infra.stack import Endpoints
from infra.warehouse import connect
from infra.warehouse.moments import to_moment, to_nanoseconds
from signaltape.backtest import BacktestRequest, Choice, backtest
from signaltape.verification.plan import Question
from signaltape.verification.text import lines
from signaltape.verification.verifying import verify
from tests.support.explained_run import at
from tests.support.live_day import BARS, FALLBACK, SPLIT, live_day
from tests.support.planted_changes import planted

FIELDS = ("signal_id", "symbol", "event_time", "signal", "score", "confidence", "reference_price", "position_scale",
          "horizon", "expires_at", "strategy", "models", "model", "model_version", "reason")  # fmt: skip
Rows = list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def lived(endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with live_day(endpoints, tmp_path_factory.mktemp("day")) as settings:
        yield settings


def sent(settings: Settings, since: int, until: int) -> Rows:
    """The signals that were sent, floats by their bits."""
    query = f"SELECT {', '.join(FIELDS)} FROM signals WHERE event_time BETWEEN %s AND %s"
    with connect(settings) as connection:
        rows = connection.execute(query.encode(), (to_moment(since), to_moment(until))).fetchall()
    return sorted(map(comparable, (dict(zip(FIELDS, row, strict=True)) for row in rows)))


def comparable(row: dict[str, Any]) -> tuple[Any, ...]:
    times = {name: to_nanoseconds(row[name]) for name in ("event_time", "expires_at")}
    floats = {name: row[name].hex() for name in ("score", "confidence", "reference_price", "position_scale")}
    return tuple((row | times | floats | {"models": tuple(row["models"])})[name] for name in FIELDS)


@pytest.mark.parametrize(("first", "more"), [(0, {"cold": True}), (0, {"batch_rows": 2}), (SPLIT + 20, {})])
def test_a_day_is_verified(lived: Settings, first: int, more: dict[str, Any]) -> None:
    """Through a swap, a correction, a late bar, a split, a pause, fallbacks and services that were killed."""
    made = verify(lived, Question(start=at(first), end=at(BARS - 1), limit=5, **more))
    assert made.verdict == "equal", "\n".join(lines(made))
    assert not made.undigested
    assert made.equal["signals"] == len(sent(lived, at(first), at(BARS - 1))) > 500
    assert made.fallbacks["default"] > 0


def simulated(folder: Path) -> Rows:
    return sorted(map(comparable, pq.read_table(folder / "signals.parquet").to_pylist()))


@pytest.mark.parametrize(
    ("first", "cold", "source"), [(0, True, "store"), (0, False, "topic"), (SPLIT + 20, False, "store")]
)
def test_a_day_as_live_gives_the_signals_of_then(
    lived: Settings, tmp_path: Path, first: int, cold: bool, source: str
) -> None:
    since, until = at(first), at(BARS - 1)
    expected = sent(lived, since, until)
    request = BacktestRequest(
        choice=Choice(), out=tmp_path / "out", start=since, end=until, source=source, interval="1m", cold=cold
    )
    made = backtest(lived, request)
    assert simulated(made.folder) == expected
    reasons = {row[-1] for row in expected}
    assert reasons == {"live", "fallback"}
    assert made.counts.signals == len(expected) > 500
    assert ("first bar" in made.begins[0]) == (cold or not first)
    after = [row for row in expected if row[2] > at(FALLBACK)]
    assert {row[-3] for row in after} >= {"first", "slow"}


def test_features_that_another_arithmetic_made_are_said(lived: Settings, tmp_path: Path) -> None:
    request = BacktestRequest(
        choice=Choice(), out=tmp_path / "out", start=at(BARS - 20), end=at(BARS - 1), interval="1m"
    )
    with planted(lived, "feature_writers", "UPDATE feature_writers SET numerics = 'another host'", count=None):
        made = backtest(lived, request)
    assert any(note.startswith("features were made under the arithmetic another host then") for note in made.notes)
    assert not any("arithmetic" in note for note in backtest(lived, replace(request, out=tmp_path / "own")).notes)
