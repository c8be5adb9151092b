"""One pipeline that lives through a whole series of disturbances, and what the pure flow says of the same bars.

Each case publishes the next slice of one seeded market. The expectation comes from `pipeline.flow` over a clean log of
the same slices: no broker, no process, no repetition in it.
"""

import json
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from consumers.inference.models import LoadedModels
from infra.broker.admin import group_offsets, low_high_offsets
from infra.broker.bar_feed import BarFeed
from infra.broker.config import idempotent_producer_config
from infra.broker.reading import read_topic
from infra.engine_choice import inference_options
from infra.scoring.registry import ModelRegistry
from infra.settings import Settings
from infra.warehouse import connect
from infra.warehouse.checkpoints import read_checkpoints
from pipeline.digests.tally import Tally
from pipeline.engine import LogMessage
from pipeline.flow import FlowConfig, Flowed, flow
from producers.bar_table import BarTable
from producers.cross_sections import cross_sections
from producers.feed import publish_sections
from producers.simulation.market import MarketConfig, simulate
from schemas.codec import decode
from schemas.control import ControlEvent
from schemas.features import FeatureBatch
from schemas.predictions import DIRECTIONS, OUTCOMES, STATUSES, PredictionBatch
from schemas.signal_columns import SignalColumns
from schemas.signals import Signal
from schemas.topics import TopicNames
from signaltape.reconcile import reconcile
from tests.support import world
from tests.support.content import check_sequence, committed_signals
from tests.support.kept_digests import digests_and_differences
from tests.support.services import ServiceProcess
from tests.support.waiting import wait_for

SERVICES = ("ingest", "features", "inference", "store", "drift")
#: Closes of one slice: enough rounds for a process to die in the middle, few enough for a case to take seconds.
SLICE = 24
#: Closes of the first one, after which every symbol is warm.
WARM = 60
_RECONCILED_S = 60.0
#: Small rounds and short sessions: every step is passed many times in a slice, and a successor needs not wait long.
SMALL = {
    "features": {"round_messages": 12, "snapshot_messages": 24, "session_timeout_s": 2.5, "waiting_rounds": 2},
    "inference": {"round_messages": 8, "snapshot_batches": 10},
    "store": {"round_messages": 10, "commit_every_s": 0.02},
    "drift": {"checkpoint_messages": 30},
    "ingest": {"batch": 40, "commit_every_s": 0.02},
    # What was said last decides what is said next: a router that forgot, or remembers too much, shows.
    "router": {"emit": "on_change"},
}

#: What is compared of a signal and of a prediction: everything that is a function of the bars.
SignalFacts = tuple[Any, ...]


def signal_facts(signal: Signal) -> SignalFacts:
    return (
        signal.event_time, signal.symbol, signal.signal_id, signal.signal, signal.score, signal.confidence,
        signal.horizon, signal.interval, signal.reference_price, signal.position_scale, signal.strategy, signal.model,
        signal.model_version, signal.models, signal.expires_at, signal.reason,
    )  # fmt: skip


def prediction_facts(batch: PredictionBatch) -> Iterator[tuple[Any, ...]]:
    columns = (batch.score, batch.confidence, batch.status, batch.direction, batch.outcome)
    for symbol, *row in zip(batch.symbols, *(column.tolist() for column in columns), strict=True):
        score, confidence, status, direction, outcome = row
        said = (STATUSES[status], DIRECTIONS[direction], OUTCOMES[outcome])
        yield batch.event_time, symbol, batch.strategy, batch.role, batch.model, score, confidence, *said


@dataclass
class _Tape:
    """Stands where a publisher stands, and keeps what it is given."""

    messages: list[tuple[int, LogMessage]]

    def send(self, _topic: str, partition: int, value: bytes, **_: Any) -> None:
        message = decode(value)
        self.messages.append((partition, message))  # type: ignore[arg-type]

    def flush_acknowledged(self, _timeout_s: float) -> None:
        return None


class Expectation:
    """The pure flow over a clean log, slice by slice."""

    def __init__(self, settings: Settings, events: list[ControlEvent]) -> None:
        partitions = settings.topics.partitions
        self._partitions = partitions
        self._waiting: deque[tuple[int, LogMessage]] = deque()
        config = FlowConfig(
            partitions=partitions,
            feature_sets=settings.engine.feature_sets,
            horizons=settings.engine.horizons,
            inference=inference_options(settings),
        )
        models = LoadedModels(ModelRegistry(settings), settings.inference)
        self._flow = flow(self._log(), config, models)
        self.signals: list[SignalFacts] = []
        self.predictions: list[tuple[Any, ...]] = []
        self.tally = Tally()
        for event in events:
            for number in range(partitions):
                self._take(number, event)

    def add(self, table: BarTable) -> None:
        """Take a slice; what it leads to is added to ``signals`` and ``predictions``."""
        tape = _Tape([])
        feed = BarFeed(tape, "bars", self._partitions, world.FEED)  # type: ignore[arg-type]
        sections = cross_sections(table, partitions=self._partitions, feed=world.FEED, source=world.FEED)
        publish_sections(feed, sections, wait_for=lambda _, idle: None, progress=lambda _: None)
        for number, message in tape.messages:
            self._take(number, message)

    def _log(self) -> Iterator[tuple[int, LogMessage]]:
        while True:
            yield self._waiting.popleft()

    def _take(self, number: int, message: LogMessage) -> None:
        self._waiting.append((number, message))
        flowed: Flowed = next(self._flow)
        for derived in flowed.step.features:
            if isinstance(derived, FeatureBatch):
                self.tally.features(derived)
        for output in flowed.outputs:
            if isinstance(output.signals, SignalColumns):
                self.signals += map(signal_facts, output.signals)
                self.tally.signals(list(output.signals))
            for one in output.predictions:
                if isinstance(one, PredictionBatch):
                    self.predictions += prediction_facts(one)
                    self.tally.predictions(one)


class MatrixWorld:
    """Services that are started, killed, frozen and started again while slices of one market flow through them."""

    def __init__(self, settings: Settings, folder: Path, slices: int) -> None:
        self.settings = settings
        self.names = TopicNames(settings.topics.prefix)
        events = world.prepare(settings, folder, strategies=("alpha", "beta"))
        self.running: dict[tuple[str, int], ServiceProcess] = {}
        for service in SERVICES:
            self.start(service)
        world.wait_relayed(settings, len(events))
        numbered = [replace(event, control_offset=offset) for offset, event in enumerate(events)]
        self.expected = Expectation(settings, numbered)
        self._slices = _slices(slices)

    def start(self, service: str, instance: int = 0, **environment: str) -> ServiceProcess:
        """Start an instance; the one with its number has ended."""
        process = ServiceProcess(self.settings, service, instance, **environment)
        self.running[service, instance] = process
        return process

    def process(self, service: str, instance: int = 0) -> ServiceProcess:
        return self.running[service, instance]

    def kill(self, service: str, instance: int = 0) -> None:
        self.running.pop((service, instance)).kill()

    def stop(self, service: str, instance: int = 0) -> None:
        """Stop an instance in order; one that is only starting has no handler for the signal yet."""
        process = self.running.pop((service, instance)).wait_ready()
        assert process.stop() == 0, process.tail()

    def next_slice(self) -> BarTable:
        """The next bars of the market, which the expectation takes too."""
        table = next(self._slices)
        self.expected.add(table)
        return table

    def publish(self, table: BarTable | None = None) -> BarTable:
        """Publish a slice, the next one by default, as a feed handler does."""
        table = self.next_slice() if table is None else table
        world.publish(self.settings, table)
        return table

    def publish_in(self) -> BarTable:
        """Publish the next slice to ``bars-in``, bar by bar, as a client that knows nothing of this project."""
        table = self.next_slice()
        producer = Producer(idempotent_producer_config(self.settings, "matrix-client"))
        columns = (table.symbol, table.event_time, table.open, table.high, table.low, table.close, table.volume)
        names = ("symbol", "event_time", "open", "high", "low", "close", "volume")
        for row in zip(*(column.tolist() for column in columns), strict=True):
            bar = dict(zip(names, row, strict=True)) | {"interval": table.interval, "source": world.FEED}
            producer.produce(self.names.bars_in, json.dumps(bar), key=bar["symbol"])
        assert producer.flush(30) == 0
        return table

    def lag(self) -> list[tuple[str, int]]:
        """What waits before the first stage that isn't through."""
        return world.lag_before(self.settings)

    def done(self, service: str) -> int:
        """How many messages a service is past, over all its partitions."""
        if service in ("ingest", "inference"):
            topic = self.names.bars_in if service == "ingest" else self.names.features
            group = f"{self.settings.topics.prefix}signaltape-{service}"
            places = group_offsets(self.settings, group, topic, self.settings.topics.partitions).values()
            return sum(place[0] for place in places if place is not None)
        topics = {
            "features": [self.names.bars],
            "store": [self.names.predictions, self.names.signals],
            "drift": [self.names.predictions, self.names.returns],
        }[service]
        with connect(self.settings, name="test-matrix") as connection:
            points = [read_checkpoints(connection, service, topic) for topic in topics]
        return sum(point.effect_offset for found in points for point in found.values())

    def ends(self, topic: str) -> int:
        return sum(high for _, high in low_high_offsets(self.settings, topic).values())

    def settle(self, deadline_s: float = 120.0) -> None:
        """Wait until everything has flowed through; what ended with an error is started again, as a supervisor does."""

        def through() -> bool:
            for (service, instance), process in list(self.running.items()):
                if process.poll() is not None:
                    assert process.poll() == 1, process.tail()
                    self.start(service, instance)
            return not self.lag()

        try:
            wait_for(through, deadline_s, "everything to flow through", 0.1)
        except AssertionError as error:
            tails = [f"{name}-{instance}:\n{one.tail(8)}" for (name, instance), one in self.running.items()]
            raise AssertionError(f"{self.lag()} still waits\n" + "\n".join(tails)) from error

    def check(self) -> str:
        """What differs from the expectation, "" if nothing does: signals, their numbers, predictions, digests, and all
        tables against the topics.
        """
        found = [signal_facts(one) for _, one in committed_signals(self.settings) if isinstance(one, Signal)]
        lines = _difference("signals", self.expected.signals, found)
        check_sequence(self.settings)
        predictions = [fact for batch in self._predictions() for fact in prediction_facts(batch)]
        lines += _difference("predictions", self.expected.predictions, predictions)
        lines += self._unreconciled()
        lines += self._digests()
        lines += self._dead_letters()
        return "\n".join(lines)

    def _unreconciled(self) -> list[str]:
        """What doesn't add up, and still doesn't a while later: the ingest may write a watermark at any time."""
        found: list[str] = []

        def adds_up() -> bool:
            found[:] = [f"reconciliation: {row}" for row in reconcile(self.settings).rows if not row.ok]
            return not found

        with suppress(AssertionError):
            wait_for(adds_up, _RECONCILED_S, "the tables to agree with the topics", 0.5)
        return found

    def _digests(self) -> list[str]:
        """Digests of the flow against those that the agents kept, and those against the rows."""
        with connect(self.settings, name="test-matrix") as connection:
            kept, rows = digests_and_differences(connection)
        expected = self.expected.tally.digests
        lines = [f"digest of {key}: {expected.get(key)} expected, {kept.get(key)} kept"
                 for key in sorted(expected.keys() | kept.keys()) if expected.get(key) != kept.get(key)]  # fmt: skip
        return [*lines[:3], *(f"digest and rows: {one}" for one in rows[:3])]

    def _dead_letters(self) -> list[str]:
        """A disturbance must not turn a good message into a dead letter."""
        lines = []
        for topic in (self.names.bars_in, self.names.bars, self.names.features, self.names.predictions):
            letters = list(read_topic(self.settings, self.names.dlq(topic)))
            if letters:
                lines.append(f"{len(letters)} dead letters of {topic}, the last: {letters[-1].headers}")
        return lines

    def _predictions(self) -> Iterator[PredictionBatch]:
        for record in read_topic(self.settings, self.names.predictions):
            message = decode(record.value or b"")
            if isinstance(message, PredictionBatch):
                yield message

    def close(self) -> None:
        for process in self.running.values():
            if process.poll() is None:
                process.kill()


def _slices(count: int) -> Iterator[BarTable]:
    """The market in consecutive pieces: first what warms it up, then slices of equal length."""
    sessions = -(-(WARM + count * SLICE) // 390)
    table = simulate(MarketConfig(symbols=12, seed=23, missing=0.01, sessions=sessions))
    closes = sorted(set(table.event_time.tolist()))
    before = closes[0] - 1
    for number in range(count + 1):
        last = closes[WARM + number * SLICE - 1]
        yield table.between(start=before, end=last)
        before = last


def _difference(name: str, expected: list[Any], found: list[Any]) -> list[str]:
    ours, theirs = sorted(expected), sorted(found)
    if ours == theirs:
        return []
    missing, extra = sorted(set(ours) - set(theirs)), sorted(set(theirs) - set(ours))
    lines = [f"{name}: {len(ours)} expected, {len(theirs)} found"]
    lines += [f"  missing {one}" for one in missing[:3]] + [f"  extra   {one}" for one in extra[:3]]
    return lines if missing or extra else [*lines, "  the same, but some of them more often"]
