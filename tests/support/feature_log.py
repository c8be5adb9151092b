"""A log of ``features`` written by hand, what the pure core makes of it, and what the inference process published."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from consumers.inference.models import LoadedModels
from infra.broker.admin import group_offsets, low_high_offsets
from infra.broker.publisher import Publisher
from infra.broker.reading import read_topic
from infra.broker.stability import wait_stable
from infra.scoring.registry import ModelRegistry
from infra.service_settings import InferenceSettings
from infra.settings import Settings
from pipeline.chain import Chain
from pipeline.features import FEATURE_SETS
from pipeline.routing.decision import Thresholds
from pipeline.routing.options import InferenceOptions
from pipeline.routing.partition import PartitionInference
from schemas.bars import Watermark
from schemas.codec import decode, decode_any, encode
from schemas.control import ControlEvent
from schemas.features import FeatureBatch
from schemas.intervals import SECOND
from schemas.predictions import PredictionBatch, RouterSnapshot
from schemas.topics import TopicNames
from signaltape.initialisation import initialise
from tests.support.linear_models import write_linear_model
from tests.support.waiting import wait_for

T0 = 1_700_145_000 * SECOND
SET = FEATURE_SETS["minimal"]

#: Generous, so that no fallback makes a comparison random.
PATIENT = InferenceSettings(deadline_ms=60_000.0, round_messages=8, snapshot_batches=5, retry_s=0.3)


def register_model(settings: Settings, folder: Path, name: str = "linear", **manifest: Any) -> int:
    """Register a linear model on the set ``minimal`` for one-second bars; its version."""
    values = {"intervals": ("1s", "1m"), "thresholds": Thresholds(long=1e-3, short=-1e-3), **manifest}
    made = write_linear_model(folder, name=name, version=0, **values)
    return ModelRegistry(settings).register(folder, made)


@dataclass(frozen=True, slots=True)
class Written:
    """One message of ``features`` at its offset."""

    offset: int
    message: FeatureBatch | Watermark | ControlEvent


class FeatureLog:
    """Writes chains into every partition of ``features``, and remembers them."""

    def __init__(self, settings: Settings, symbols: int = 3, seed: int = 7) -> None:
        initialise(settings)
        self.settings = settings
        self.names = TopicNames(settings.topics.prefix)
        self.partitions = range(settings.topics.partitions)
        self.written: dict[int, list[Written]] = {number: [] for number in self.partitions}
        self._chains = {number: Chain() for number in self.partitions}
        self._sources = dict.fromkeys(self.partitions, 0)
        self._symbols = symbols
        self._random = np.random.default_rng(seed)
        self._publisher = Publisher(settings, "test-feature-log")
        self._controls = 0

    def control(self, action: str, **fields: Any) -> None:
        """One event in ``control``, and forwarded in every partition."""
        event = ControlEvent(
            event_id=f"e{self._controls}", action=action, effective_from=fields.pop("effective_from", 0), issued_at=T0,
            issued_by="test", **fields,
        )  # fmt: skip
        self._publisher.send(self.names.control, 0, encode(event))
        for number in self.partitions:
            link = self._links(number, 1)[0]
            self._write(number, replace(event, control_offset=self._controls, link=link))
        self._controls += 1

    def bar(self, at: float, interval: str = "1s", shift: float = 0.0) -> None:
        """One cross-section per partition, closing ``at`` seconds after T0, with features drawn around ``shift``."""
        for number in self.partitions:
            values = self._random.normal(shift, 0.01, (self._symbols, len(SET.names)))
            event_time = T0 + round(at * SECOND)
            self._write(
                number,
                FeatureBatch(
                    link=self._links(number, 1)[0], feature_set=SET.name, set_version=SET.version, set_hash=SET.hash,
                    width=len(SET.names), interval=interval, event_time=event_time, kind="live",
                    symbols=tuple(f"S{number}{place}" for place in range(self._symbols)), values=values,
                    valid=np.ones(values.shape, dtype=np.bool_), close=np.full(self._symbols, 100.0),
                    available_time=np.full(self._symbols, event_time),
                ),
            )  # fmt: skip

    def mark(self, at: float, state: str = "advance") -> None:
        """A watermark on every partition."""
        for number in self.partitions:
            time = T0 + round(at * SECOND)
            link = self._links(number, 1)[0]
            partition_time = None if state == "final" else time
            self._write(
                number,
                Watermark(feed="f", event_time=time, state=state, link=link, partition_time=partition_time),
            )

    def skip_source(self) -> None:
        """A link that is missing: the next message's predecessor never reached the topic."""
        for number in self.partitions:
            self._links(number, 1)

    def junk(self, number: int, value: bytes) -> None:
        """Something that is no message of the chain."""
        self._publisher.send(self.names.features, number, value)

    def send(self) -> None:
        """Wait until everything is in the topic."""
        self._publisher.flush_acknowledged()

    def flush(self) -> None:
        """Wait until everything is in the topic, and learn the offsets; nothing may have expired."""
        self.send()
        found: dict[int, list[Written]] = {number: [] for number in self.partitions}
        known = {number: iter(entry.message for entry in entries) for number, entries in self.written.items()}
        for record in read_topic(self.settings, self.names.features):
            try:
                decode(record.value or b"")
            except Exception:
                continue
            found[record.partition].append(Written(record.offset, next(known[record.partition])))
        self.written = found

    def _links(self, number: int, parts: int) -> list[Any]:
        self._sources[number] += 1
        return self._chains[number].links(self._sources[number], parts)

    def _write(self, number: int, message: FeatureBatch | Watermark | ControlEvent) -> None:
        self.written[number].append(Written(-1, message))
        self._publisher.send(self.names.features, number, encode(message))


Content = dict[str, dict[int, list[str]]]


def expected_content(log: FeatureLog) -> Content:
    """What the pure core makes of the log, as the topics should hold it."""
    settings = log.settings
    models = LoadedModels(ModelRegistry(settings), PATIENT)
    names = {name: one.names for name, one in FEATURE_SETS.items()}
    content: Content = {"signals": {}, "predictions": {}}
    for number, entries in log.written.items():
        options = InferenceOptions(router=settings.router.options())
        inference = PartitionInference(partition=number, models=models, options=options, feature_names=names)
        signals, predictions = [], []
        for entry in entries:
            output = inference.take(entry.message, entry.offset)
            if output is not None:
                signals += [_shown(message) for message in output.signals]
                predictions += [_shown(message) for message in output.predictions]
        content["signals"][number] = signals
        content["predictions"][number] = predictions
    return content


def published_content(settings: Settings) -> Content:
    """Everything committed in ``signals`` and ``predictions``, in order; snapshots left out, latencies blanked."""
    names = TopicNames(settings.topics.prefix)
    content: Content = {
        name: {number: [] for number in range(settings.topics.partitions)} for name in ("signals", "predictions")
    }
    for name, topic in (("signals", names.signals), ("predictions", names.predictions)):
        for record in read_topic(settings, topic):
            content_type = (dict(record.headers).get("content-type") or b"").decode()
            message = decode_any(record.value or b"", content_type)
            if not isinstance(message, RouterSnapshot):
                content[name][record.partition].append(_shown(message))
    return content


def aborted_content(settings: Settings) -> list[str]:
    """What attempts that never committed have left in ``signals`` and ``predictions``; snapshots left out."""
    names, found = TopicNames(settings.topics.prefix), []
    for topic in (names.signals, names.predictions):
        committed = {(record.partition, record.offset) for record in read_topic(settings, topic)}
        for record in read_topic(settings, topic, isolation="read_uncommitted"):
            if (record.partition, record.offset) not in committed:
                content_type = (dict(record.headers).get("content-type") or b"").decode()
                message = decode_any(record.value or b"", content_type)
                if not isinstance(message, RouterSnapshot):
                    found.append(_shown(message))
    return found


def _shown(message: Any) -> str:
    if isinstance(message, PredictionBatch):
        message = replace(message, model_latency=0)
    fields = {name: getattr(message, name) for name in message.__dataclass_fields__}
    plain = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in fields.items()}
    return f"{message.TYPE} {plain}"


def committed_offsets(settings: Settings) -> dict[int, int]:
    """Committed offsets of the inference group in ``features``."""
    topic = TopicNames(settings.topics.prefix).features
    group = f"{settings.topics.prefix}signaltape-inference"
    found = group_offsets(settings, group, topic, settings.topics.partitions)
    return {number: -1 if place is None else place[0] for number, place in found.items()}


def lag(settings: Settings) -> int:
    """Messages of ``features`` beyond the committed offsets."""
    high = low_high_offsets(settings, TopicNames(settings.topics.prefix).features)
    return sum(high[number][1] - offset for number, offset in committed_offsets(settings).items())


def wait_taken(settings: Settings, deadline_s: float = 60.0) -> None:
    """Wait until everything in ``features`` is committed, and what came of it can be read."""
    wait_for(lambda: lag(settings) == 0, deadline_s, "inference to commit everything", interval_s=0.25)
    names = TopicNames(settings.topics.prefix)
    for topic in (names.predictions, names.signals):
        wait_stable(settings, topic, range(settings.topics.partitions))
