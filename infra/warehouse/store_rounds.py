"""A round of the store: predictions, signals and control events, with the offsets of their topics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import orjson

from infra.settings import Settings
from infra.warehouse.alert_outbox import add_alerts_once
from infra.warehouse.connection import Connection
from infra.warehouse.moments import to_moment
from infra.warehouse.prediction_rows import model_call_rows, prediction_rows
from infra.warehouse.queries import queries
from infra.warehouse.round_writer import Place, RoundReport, RoundWriter, Work
from infra.warehouse.signal_rows import signal_rows
from infra.warehouse.store_digests import TOLD, store_digests
from pipeline.operations import control_late
from schemas.control import ControlEvent
from schemas.predictions import PredictionBatch
from schemas.signals import Notice, Signal
from schemas.topics import TopicNames

SERVICE = "store"
#: Notices about an event that did not take effect.
_WITHOUT_EFFECT = ("refused",)
_LATE = "control_late"


@dataclass(frozen=True, kw_only=True, eq=False)
class StoreRound:
    """What the messages of one partition of one topic, up to `next_offset` (exclusive), left to be stored.

    Each entry comes with its offset. generation: of the topic's log, as the checkpoint says.
    """

    topic: str
    partition: int
    epoch: int
    next_offset: int
    generation: int = 1
    predictions: list[tuple[int, PredictionBatch]] = field(default_factory=list)
    signals: list[tuple[int, Signal]] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    controls: list[tuple[int, ControlEvent]] = field(default_factory=list)

    def up_to(self, next_offset: int) -> "StoreRound":
        """The same, ending before `next_offset`."""
        return replace(self, next_offset=next_offset)


class StoreRoundWriter:
    """Writes rounds of the store; not for several threads at once."""

    def __init__(self, settings: Settings) -> None:
        self._writer = RoundWriter(settings, SERVICE)
        self._control = TopicNames(settings.topics.prefix).control

    def write(self, rounds: Sequence[StoreRound]) -> RoundReport:
        """Write the rounds of different partitions in one transaction; see `RoundWriter.write`."""
        places: dict[str, list[tuple[int, int, int]]] = {}
        for one in rounds:
            places.setdefault(one.topic, []).append((one.partition, one.epoch, one.next_offset))

        def work_for(moved: frozenset[Place]) -> Work:
            return _work([one for one in rounds if (one.topic, one.partition) in moved], self._control)

        return self._writer.write(places, work_for)

    def close(self) -> None:
        """Close the connection; the next write opens another."""
        self._writer.close()


def _work(rounds: Sequence[StoreRound], control: str) -> Work:
    predictions = [(one.partition, offset, batch) for one in rounds for offset, batch in one.predictions]
    signals = [(one.partition, offset, signal) for one in rounds for offset, signal in one.signals]
    controls = [entry for one in rounds for entry in one.controls]
    notices = [notice for one in rounds for notice in one.notices if notice.kind not in _WITHOUT_EFFECT]

    def finish(connection: Connection) -> None:
        if controls or notices:
            log = _generation(connection, control)
            _record(connection, "add deployment", [(log, *_deployment(offset, event)) for offset, event in controls])
            _record(connection, "add applied", [(log, *_applied(notice)) for notice in notices])
            add_alerts_once(connection, [control_late(notice, log) for notice in notices if notice.kind == _LATE])

    return Work(
        rows=(prediction_rows(predictions), model_call_rows(predictions), signal_rows(signals)),
        finish=finish,
        told=TOLD,
        digests=lambda new: store_digests(rounds, new),
    )


def _generation(connection: Connection, control: str) -> int:
    """In which generation the present log of ``control`` was first seen; the round's transaction holds it still."""
    row = connection.execute(queries("store")["control generation"], (control,)).fetchone()
    return 1 if row is None else int(row[0])


def _record(connection: Connection, query: str, values: Sequence[tuple[object, ...]]) -> None:
    if values:
        with connection.cursor() as cursor:
            cursor.executemany(queries("store")[query], values)


def _deployment(offset: int, event: ControlEvent) -> tuple[object, ...]:
    parameters: Mapping[str, object] = event.parameters
    return (
        offset,
        event.event_id,
        event.action,
        event.strategy,
        event.model,
        event.model_version,
        list(event.symbols),
        orjson.dumps(parameters).decode(),
        to_moment(event.effective_from),
        to_moment(event.issued_at),
        event.issued_by,
        event.reason,
        event.cause,
    )


def _applied(notice: Notice) -> tuple[object, ...]:
    late = notice.kind == _LATE
    return notice.partition, notice.control_offset, to_moment(notice.event_time), late
