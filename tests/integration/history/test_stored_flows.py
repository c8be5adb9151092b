"""The stored log taken again, whole or from a kept state, cut otherwise: the rows that the live agents left."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from infra.history.extents import extents
from infra.history.flows import Begun, FlowChoice, begin_flows
from infra.scoring.registry import ModelRegistry
from infra.scoring.untimed import UntimedModels
from infra.settings import Settings
from infra.stack import Endpoints
from infra.warehouse import connect
from infra.warehouse.moments import to_moment
from pipeline.partition_flow import parts_of
from pipeline.replay.aligning import aligned
from schemas.bars import BarBatch
from schemas.features import FeatureBatch
from schemas.predictions import DIRECTIONS, OUTCOMES, STATUSES, PredictionBatch
from schemas.signals import Signal
from tests.support.explained_run import CHANGED, SWAPPED, at, explained_run

pytestmark = pytest.mark.slow

Row = tuple[Any, ...]


@pytest.fixture(scope="module")
def flown(endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with explained_run(endpoints, tmp_path_factory.mktemp("history")) as settings:
        yield settings


def taken_again(begun: tuple[Begun, ...], rows: int) -> Iterator[tuple[str, Row]]:
    """Everything that the flows make of their logs, as rows of the tables without what depends on clocks or offsets."""
    flows = {one.extent.partition: one.flow for one in begun}
    for _, partition, offset, message in aligned({one.extent.partition: one.log for one in begun}):
        for part in parts_of(message, rows) if isinstance(message, BarBatch) else (message,):
            step, outputs = flows[partition].take(part, offset)
            for batch in step.features:
                if isinstance(batch, FeatureBatch) and batch.kind == "live":
                    for row, symbol in enumerate(batch.symbols):
                        values = [
                            value if good else None
                            for value, good in zip(batch.values[row].tolist(), batch.valid[row].tolist(), strict=True)
                        ]
                        yield (
                            "features",
                            (
                                batch.feature_set,
                                symbol,
                                batch.interval,
                                to_moment(batch.event_time),
                                batch.close[row],
                                *values,
                            ),
                        )
            for output in outputs:
                for call in output.predictions:
                    if isinstance(call, PredictionBatch):
                        yield from (("predictions", one) for one in prediction_rows(call))
                for signal in output.signals:
                    if isinstance(signal, Signal):
                        yield (
                            "signals",
                            (
                                signal.signal_id,
                                signal.symbol,
                                to_moment(signal.event_time),
                                signal.signal,
                                signal.score,
                                signal.confidence,
                                signal.position_scale,
                                signal.strategy,
                                signal.model,
                                signal.model_version,
                                signal.reason,
                            ),
                        )


def prediction_rows(call: PredictionBatch) -> Iterator[Row]:
    columns = zip(
        call.symbols,
        call.score.tolist(),
        call.confidence.tolist(),
        call.status,
        call.direction,
        call.outcome,
        strict=True,
    )
    for symbol, score, confidence, status, direction, outcome in columns:
        yield (
            call.strategy,
            call.model,
            call.model_version,
            call.role,
            symbol,
            call.interval,
            to_moment(call.event_time),
            score,
            confidence,
            STATUSES[status],
            DIRECTIONS[direction],
            OUTCOMES[outcome],
        )


STORED = {
    "features": "SELECT feature_set, symbol, interval, event_time, close, \"values\" FROM features WHERE kind = 'live'",
    "predictions": "SELECT strategy, model, model_version, role, symbol, interval, event_time, score, confidence, "
    "status, direction, outcome FROM predictions",
    "signals": "SELECT signal_id, symbol, event_time, signal, score, confidence, position_scale, strategy, model, "
    "model_version, reason FROM signals",
}


def stored(settings: Settings, since: int, until: int) -> Counter[tuple[str, Row]]:
    found: Counter[tuple[str, Row]] = Counter()
    with connect(settings) as connection:
        for table, statement in STORED.items():
            joined = "AND" if "WHERE" in statement else "WHERE"
            query = f"{statement} {joined} event_time BETWEEN %s AND %s"
            for row in connection.execute(query.encode(), (to_moment(since), to_moment(until))):
                found[table, (*row[:-1], *row[-1]) if table == "features" else row] += 1
    return found


@pytest.mark.parametrize(("first", "cold", "rows"), [(0, True, 3), (0, True, 10_000), (SWAPPED - 5, False, 2)])
def test_the_log_taken_again_makes_the_stored_rows(flown: Settings, first: int, cold: bool, rows: int) -> None:
    since, until = at(first), at(CHANGED)
    with connect(flown) as connection:
        found = extents(connection, flown, since, until)
        choice = FlowChoice(models=lambda _: UntimedModels(ModelRegistry(flown)), cold=cold)
        begun = begin_flows(connection, flown, found, choice)
        assert all(("first bar" in one.begins) == cold for one in begun)
        wanted = stored(flown, since, until)
        made = Counter(one for one in taken_again(begun, rows) if since <= moment_of(one) <= until)
    for table in STORED:
        mine = Counter({key: count for key, count in made.items() if key[0] == table})
        theirs = Counter({key: count for key, count in wanted.items() if key[0] == table})
        assert theirs, table
        assert mine - theirs == Counter(), table
        assert theirs - mine == Counter(), table


def moment_of(row: tuple[str, Row]) -> int:
    place = {"features": 3, "predictions": 6, "signals": 2}[row[0]]
    return int(row[1][place].timestamp() * 1e9)
