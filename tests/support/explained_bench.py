"""A partition stepped by hand that remembers what the store would hold, so that any of its bars can be explained."""

from dataclasses import dataclass, field
from typing import Any

from pipeline.deployments import ModelRef
from pipeline.explanation.facts import (
    BarFact,
    CallFact,
    ControlFact,
    LastAnswer,
    Moment,
    RowFact,
    SignalFact,
    VectorFact,
)
from pipeline.routing.options import InferenceOptions
from pipeline.routing.partition import Output, PartitionInference
from schemas.control import ControlEvent
from schemas.features import FeatureBatch
from schemas.intervals import INTERVALS
from schemas.predictions import DIRECTIONS, OUTCOMES, STATUSES, PredictionBatch
from schemas.signals import Notice, Signal
from tests.support.feature_chain import HASH, Bench, KnownModels, Message

#: (symbol, interval)
Key = tuple[str, str]


@dataclass(kw_only=True)
class Told:
    """Everything recorded so far."""

    rows: dict[tuple[str, str, int], list[tuple[PredictionBatch, int]]] = field(default_factory=dict)
    vectors: dict[tuple[str, str, int], list[FeatureBatch]] = field(default_factory=dict)
    calls: dict[tuple[str, int], list[PredictionBatch]] = field(default_factory=dict)
    signals: dict[Key, list[Signal]] = field(default_factory=dict)
    answers: dict[Key, list[tuple[int, ModelRef, float]]] = field(default_factory=dict)
    control: list[ControlFact] = field(default_factory=list)


class ExplainedBench(Bench):
    """A bench whose outputs are kept as facts."""

    def __init__(self, options: InferenceOptions | None = None) -> None:
        self.options = options or InferenceOptions()
        self.told = Told()

        def make(models: KnownModels) -> PartitionInference:
            return PartitionInference(partition=0, models=models, options=self.options)

        super().__init__(make=make)

    def take(self, *messages: Message) -> Output:
        output = super().take(*messages)
        events = {one.control_offset: one for one in messages if isinstance(one, ControlEvent)}
        for message in messages:
            if isinstance(message, FeatureBatch) and message.kind == "live":
                for symbol in message.symbols:
                    self.told.vectors.setdefault((symbol, message.interval, message.event_time), []).append(message)
        for batch in (one for one in output.predictions if isinstance(one, PredictionBatch)):
            self._keep(batch)
        for one in output.signals:
            if isinstance(one, Signal):
                self.told.signals.setdefault((one.symbol, one.interval), []).append(one)
            elif isinstance(one, Notice) and one.kind not in ("refused", "control_late"):
                event = events[one.control_offset]
                self.told.control.append(
                    ControlFact(event=event, offset=one.control_offset, effective_p=one.event_time, late=False)
                )
        return output

    def _keep(self, batch: PredictionBatch) -> None:
        ref = ModelRef(name=batch.model, version=batch.model_version)
        self.told.calls.setdefault((batch.interval, batch.event_time), []).append(batch)
        for row, symbol in enumerate(batch.symbols):
            self.told.rows.setdefault((symbol, batch.interval, batch.event_time), []).append((batch, row))
            if STATUSES[batch.status[row]] == "ok":
                answer = (batch.event_time, ref, float(batch.score[row]))
                self.told.answers.setdefault((symbol, batch.interval), []).append(answer)

    def moment(self, symbol: str, event_time: int, interval: str = "1s", **changes: Any) -> Moment:
        """What the store holds about a bar of this bench."""
        key, told = (symbol, interval), self.told
        found = told.rows.get((symbol, interval, event_time), [])
        here = [one for one in told.signals.get(key, []) if one.event_time == event_time]
        before = [one for one in told.signals.get(key, []) if one.event_time < event_time]
        since = event_time - self.options.fresh_bars * INTERVALS[interval]
        answers = {ref: (time, score) for time, ref, score in told.answers.get(key, []) if since <= time < event_time}
        control = [one for one in told.control if one.effective_p <= event_time]
        values: dict[str, Any] = {
            "symbol": symbol,
            "interval": interval,
            "event_time": event_time,
            "partition": 0,
            "bars": (bar_fact(symbol, interval, event_time),),
            "vectors": tuple(_vector(one, symbol) for one in told.vectors.get((symbol, interval, event_time), [])),
            "calls": tuple(_call(one) for one in told.calls.get((interval, event_time), [])),
            "rows": tuple(_row(batch, row) for batch, row in found),
            "signal": _signal(here[0]) if here else None,
            "before": _signal(before[-1]) if before else None,
            "control": tuple(sorted(control, key=lambda one: (one.effective_p, one.offset))),
            "answers": tuple(
                LastAnswer(ref=ref, score=score, event_time=time) for ref, (time, score) in answers.items()
            ),
        }
        return Moment(**{**values, **changes})


def bar_fact(symbol: str, interval: str, event_time: int, **changes: Any) -> BarFact:
    """A stored bar with prices of 100."""
    values: dict[str, Any] = {
        "symbol": symbol, "interval": interval, "event_time": event_time, "source": "v", "feed": "f", "revision": 0,
        "status": "first", "open": 100.0, "high": 100.0, "low": 100.0, "close": 100.0, "volume": None,
        "available_time": event_time, "ingest_time": event_time, "generation": 1, "partition": 0, "source_offset": 9,
        "row_index": 0,
    }  # fmt: skip
    return BarFact(**{**values, **changes})


def _vector(batch: FeatureBatch, symbol: str) -> VectorFact:
    row = batch.symbols.index(symbol)
    return VectorFact(
        feature_set=batch.feature_set,
        set_version=batch.set_version,
        set_hash=HASH,
        names=("a", "b"),
        values=tuple(batch.values[row].tolist()),
        close=float(batch.close[row]),
        available_time=int(batch.available_time[row]),
        ingest_time=batch.event_time,
        revision=1 << 40,
        numerics="",
    )


def _call(batch: PredictionBatch) -> CallFact:
    return CallFact(
        strategy=batch.strategy,
        ref=ModelRef(name=batch.model, version=batch.model_version),
        role=batch.role,
        source_part=batch.source_position[1],
        sha256=batch.model_sha256,
        feature_set=batch.feature_set,
        set_version=batch.set_version,
        set_hash=batch.set_hash,
        deadline_missed=batch.deadline_missed,
        breaker_open=batch.breaker_open,
        numerics="",
        model_latency_ns=batch.model_latency,
    )


def _row(batch: PredictionBatch, row: int) -> RowFact:
    return RowFact(
        strategy=batch.strategy,
        ref=ModelRef(name=batch.model, version=batch.model_version),
        role=batch.role,
        horizon=batch.horizon,
        score=float(batch.score[row]),
        confidence=float(batch.confidence[row]),
        status=STATUSES[batch.status[row]],
        direction=DIRECTIONS[batch.direction[row]],
        outcome=OUTCOMES[batch.outcome[row]],
        ingest_time=batch.event_time,
        topic_offset=0,
    )


def _signal(one: Signal) -> SignalFact:
    return SignalFact(signal=one, partition=0, topic_offset=one.seq, ingest_time=one.event_time)
