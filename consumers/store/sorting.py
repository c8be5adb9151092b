"""From records to what is stored of them; what can't be taken goes to the dead letters."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from infra.broker.dead_letters import DeadLetters
from infra.broker.reading import Record
from infra.warehouse.prediction_rows import codes_are_known
from infra.warehouse.round_writer import Place
from infra.warehouse.store_rounds import StoreRound
from schemas.bars import Watermark
from schemas.codec import Message, decode_any
from schemas.control import ControlEvent
from schemas.errors import DecodeError
from schemas.predictions import FeatureStats, PredictionBatch, RouterSnapshot
from schemas.signal_bytes import decode_signal
from schemas.signals import Heartbeat, Notice, Signal
from schemas.topics import TopicNames


@dataclass(slots=True)
class Owned:
    """A partition that this process has taken: the epoch under which it writes, and the offset that comes next.

    ``generation``: of its topic's log, as the checkpoint says.
    """

    epoch: int
    next_offset: int
    generation: int

    def round(self, place: Place, next_offset: int = 0) -> StoreRound:
        """Return a round of this partition that is still empty."""
        topic, partition = place
        return StoreRound(
            topic=topic, partition=partition, epoch=self.epoch, generation=self.generation, next_offset=next_offset
        )


class Sorter:
    """Decodes records and sorts them into one round per partition."""

    def __init__(self, names: TopicNames, dead_letters: DeadLetters) -> None:
        self._dead_letters = dead_letters
        self._signals = names.signals
        # What each topic may hold; some leave no row.
        self._expected: dict[str, tuple[type, ...]] = {
            names.predictions: (PredictionBatch, Watermark, RouterSnapshot, FeatureStats),
            names.signals: (Signal, Notice, Heartbeat),
            names.control: (ControlEvent,),
        }

    def sort(self, records: Iterable[Record], owned: Mapping[Place, Owned]) -> list[StoreRound]:
        """Return the rounds of partitions that have records; every dead letter is acknowledged by then.

        Records come in offset order per partition; those of partitions that are not ours, or that were stored
        before, are left out. Raises PublishError.
        """
        ends: dict[Place, int] = {}
        rounds: dict[Place, StoreRound] = {}
        refused = False
        for record in records:
            place = (record.topic, record.partition)
            if place not in owned or record.offset < owned[place].next_offset:
                continue
            ends[place] = record.offset + 1
            if place not in rounds:
                rounds[place] = owned[place].round(place)
            try:
                self._add(record, rounds[place])
            except DecodeError as error:
                self._dead_letters.put(record, error.code, error.detail)
                refused = True
        if refused:
            self._dead_letters.flush()
        return [one.up_to(ends[place]) for place, one in sorted(rounds.items())]

    def _decoded(self, record: Record) -> Message:
        """Decode a record; signals, by far the most, on their quick path."""
        if record.topic == self._signals and record.value is not None:
            signal = decode_signal(record.value)
            if signal is not None:
                return signal
        content_type = next((value for name, value in record.headers if name == "content-type"), None)
        return decode_any(record.value, (content_type or b"").decode(errors="replace"))

    def _add(self, record: Record, one: StoreRound) -> None:
        """Add what is stored of a record; raises DecodeError."""
        message: Message = self._decoded(record)
        if not isinstance(message, self._expected[record.topic]):
            raise DecodeError("unexpected_type", f"{message.TYPE} does not belong into {record.topic}")
        match message:
            case PredictionBatch():
                if not codes_are_known(message):
                    raise DecodeError("unknown_code", "a status, direction or outcome is not known in this release")
                one.predictions.append((record.offset, message))
            case Signal():
                one.signals.append((record.offset, message))
            case Notice():
                one.notices.append(message)
            case ControlEvent():
                one.controls.append((record.offset, message))
            case _:
                pass
