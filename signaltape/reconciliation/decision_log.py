"""What `features` says must be predicted, and what `predictions` and `signals` hold."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import compress
from typing import Any

from infra.settings import Settings
from pipeline.control import ControlState
from pipeline.deployments import Share
from schemas.bars import Watermark
from schemas.control import ControlEvent
from schemas.features import FeatureBatch
from schemas.predictions import OUTCOMES, PredictionBatch
from schemas.signals import Heartbeat, Notice, Signal
from schemas.topics import TopicNames
from signaltape.reconciliation.log_side import Chain, Counted, count_vector
from signaltape.reconciliation.reading import read_buried, read_messages
from signaltape.reconciliation.tally import Tally

#: (name, version) → manifest as plain values.
Manifests = Mapping[tuple[str, int], Mapping[str, Any]]
_EMITTED = OUTCOMES.index("emitted")


@dataclass(kw_only=True)
class FeaturesLog:
    """The topic `features`, its live vectors by (set, interval), and what the models in force had to predict."""

    vectors: Counted = field(default_factory=Counted)
    live: Tally = field(default_factory=Tally)
    expected: Tally = field(default_factory=Tally)


@dataclass(kw_only=True)
class SignalsLog:
    """The topic `signals`; `numbered`, `spanned`: messages of all kinds, and the numbers that they span."""

    signals: Counted = field(default_factory=Counted)
    numbered: int = 0
    spanned: int = 0


@dataclass(kw_only=True)
class _Lane:
    """One partition of `features` while it is read."""

    chain: Chain = field(default_factory=Chain)
    control: ControlState = field(default_factory=ControlState)
    head: int | None = None
    floor: int | None = None


def count_features(settings: Settings, manifests: Manifests, starts: Mapping[tuple[int, str, int], int]) -> FeaturesLog:
    """Count vectors, and for each of them the models that were in force: warm vectors × models.

    `starts`: (partition, set, version) → the first offset that counts, of sets that were added to the log.
    """
    found, lanes = FeaturesLog(), dict[int, _Lane]()
    for record, message in read_messages(settings, TopicNames(settings.topics.prefix).features):
        lane = lanes.setdefault(record.partition, _Lane())
        if isinstance(message, FeatureBatch):
            start = starts.get((record.partition, message.feature_set, message.set_version), 0)
            if count_vector(found.vectors, lane.chain, record.partition, message, start) and message.kind == "live":
                lane.head = message.event_time if lane.head is None else max(lane.head, message.event_time)
                found.live.add((message.feature_set, message.interval), message.symbols, 0, 0)
                _expect(found.expected, lane, message, manifests)
        elif isinstance(message, Watermark | ControlEvent) and message.link is not None:
            if not lane.chain.is_new(record.partition, message.link.position):
                continue
            if isinstance(message, Watermark):
                lane.floor = message.partition_time
            else:
                lane.control.receive(message, lane.head, lane.floor)
    return found


def _expect(expected: Tally, lane: _Lane, batch: FeatureBatch, manifests: Manifests) -> None:
    for strategy in lane.control.in_force(batch.event_time).strategies:
        shares = [*strategy.shares(batch.symbols), *(Share(ref=ref, role="shadow") for ref in strategy.shadows)]
        for share in shares:
            ref = share.ref
            if not _concerns(manifests.get((ref.name, ref.version)), batch):
                continue
            symbols = batch.symbols if share.rows is None else tuple(compress(batch.symbols, share.rows))
            key = (strategy.name, ref.name, ref.version, share.role, batch.interval)
            expected.add(key, symbols, batch.event_time, batch.link.position[0])


def _concerns(manifest: Mapping[str, Any] | None, batch: FeatureBatch) -> bool:
    if manifest is None:
        return True
    same_set = (manifest["feature_set"], manifest["set_version"]) == (batch.feature_set, batch.set_version)
    return same_set and batch.interval in manifest["intervals"]


def count_predictions(settings: Settings) -> tuple[Counted, int]:
    """Count rows of `predictions`, and how many of them the router emitted a signal for."""
    topic = TopicNames(settings.topics.prefix).predictions
    buried, found, emitted = read_buried(settings, topic), Counted(), 0
    for record, message in read_messages(settings, topic):
        found.firsts.setdefault(record.partition, record.offset)
        if not isinstance(message, PredictionBatch):
            continue
        found.published += len(message.symbols)
        if (record.partition, record.offset) in buried.messages:
            found.dead_lettered += len(message.symbols)
            continue
        key = (message.strategy, message.model, message.model_version, message.role, message.interval)
        found.tally.add(key, message.symbols, message.event_time, message.source_position[0])
        emitted += int((message.outcome == _EMITTED).sum())
    return found, emitted


def count_signals(settings: Settings) -> SignalsLog:
    """Count signals, and check that every partition numbers its messages without a gap."""
    topic = TopicNames(settings.topics.prefix).signals
    buried, found = read_buried(settings, topic), SignalsLog()
    lowest: dict[int, int] = {}
    highest: Counter[int] = Counter()
    for record, message in read_messages(settings, topic):
        partition = record.partition
        found.signals.firsts.setdefault(partition, record.offset)
        if not isinstance(message, Signal | Heartbeat | Notice):
            continue
        found.numbered += 1
        lowest[partition] = min(message.seq, lowest.get(partition, message.seq))
        highest[partition] = max(message.seq, highest.get(partition, message.seq))
        if isinstance(message, Signal):
            found.signals.published += 1
            if (partition, record.offset) in buried.messages:
                found.signals.dead_lettered += 1
            else:
                found.signals.tally.add(
                    (partition, message.interval), (message.symbol,), message.event_time, message.seq
                )
    found.spanned = sum(highest[partition] - low + 1 for partition, low in lowest.items())
    return found
