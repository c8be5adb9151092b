"""One partition, from features to predictions and signals: a pure function of the messages taken and the answers got.

The inference consumer, replays and the in-process flow all drive this class. It reads no clock and no broker; what
isn't a function of the log (a missed deadline, an open breaker, latency) comes in with the models' answers and is
recorded in the ``PredictionBatch`` that it influenced.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pipeline.chain import Fence
from pipeline.control import ControlState
from pipeline.deployments import Deployments, ModelRef
from pipeline.routing.emission import BarPlace, build_signals
from pipeline.routing.model_port import ModelPort
from pipeline.routing.notices import control_notices
from pipeline.routing.options import InferenceOptions
from pipeline.routing.router_state import STATE_VERSION, Copies, RouterState
from pipeline.routing.scoring import Call, Predictor, Recall, prediction_batch, statement
from pipeline.routing.terms import rules_in_force
from schemas.bars import Watermark
from schemas.control import ControlEvent
from schemas.features import FeatureBatch
from schemas.link import Position
from schemas.predictions import SERVING_ROLES, FeatureStats, PredictionBatch, RouterSnapshot
from schemas.signals import Heartbeat, Notice, Signal


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Where a partition stands after one closed source message: what its offset commit must carry.

    ``fence``: last chain position taken, None before the first. ``head``: highest bar time seen (ns UTC), None
    before the first bar. ``partition_time``: the partition's watermark, None where nothing holds back.
    ``seq``: number of the next message of ``signals``.
    """

    fence: Position | None = None
    head: int | None = None
    partition_time: int | None = None
    seq: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Output:
    """What one source message of ``bars`` led to, in the order in which it is published. Both may be empty.

    The signals of a bar are ``SignalColumns``.
    """

    predictions: tuple[PredictionBatch | FeatureStats | Watermark, ...] = ()
    signals: Sequence[Signal | Heartbeat | Notice] = ()


@dataclass(kw_only=True)
class PartitionInference:
    """State of one partition, stepped by the messages of its chain in ``features``.

    ``feature_names``: the names of each set's columns, for ``FeatureStats``; empty: none are made. ``recall``: what is
    recorded of calls, in a replay.
    """

    partition: int
    models: ModelPort
    options: InferenceOptions = field(default_factory=InferenceOptions)
    feature_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    standing: Standing = field(default_factory=Standing)
    control: ControlState = field(default_factory=ControlState)
    state: RouterState = field(default_factory=RouterState)
    recall: Recall | None = None

    def __post_init__(self) -> None:
        self._fence = Fence(self.standing.fence)
        self._calls: list[Call] = []
        self._head = self.standing.head
        self._predictor = Predictor(models=self.models, state=self.state, options=self.options, recall=self.recall)

    @property
    def fence(self) -> Position | None:
        """Last chain position taken, parts of a source message that isn't complete included."""
        return self._fence.position

    @property
    def half_taken(self) -> bool:
        """True while more parts of a source message are to come."""
        return self._fence.position != self.standing.fence

    @property
    def deployments(self) -> Deployments:
        """What is deployed for the next bar."""
        return self.control.in_force(self._next)

    def models_to_come(self) -> tuple[ModelRef, ...]:
        """Models of bars beyond the next one, as far as events received say, in the order in which they come."""
        return self.control.models_after(self._next)

    @property
    def _next(self) -> int:
        return 0 if self._head is None else self._head + 1

    def take(self, message: FeatureBatch | Watermark | ControlEvent, features_offset: int) -> Output | None:
        """Take the message at ``features_offset``; returns what its source message led to once that is complete.

        None: taken before, or more parts of the source message follow. Raises ``ChainGap`` if messages are missing,
        ``ModelUnavailable`` if a live model can't predict; the partition must then be restored from its last commit.
        """
        link = message.link
        if link is None:
            raise ValueError(f"{message.TYPE} at offset {features_offset} of features has no link")
        if not self._fence.take(link):
            return None
        if isinstance(message, FeatureBatch):
            self._score(message)
        if not link.closes_source:
            return None
        standing = self.standing
        if isinstance(message, FeatureBatch):
            output = self._close_bar(link.position[0])
        elif isinstance(message, Watermark):
            standing = replace(standing, partition_time=message.partition_time)
            output = self._pass_on(message)
        else:
            output = self._obey(message)
        seq = standing.seq + len(output.signals)
        self.standing = replace(standing, fence=link.position, head=self._head, seq=seq)
        self.state.features_offset = features_offset + 1
        return output

    def snapshot(self) -> RouterSnapshot:
        """Return the state after the last closed source message.

        Raises ``ValueError`` before the first, and inside one: its first parts, already counted, would come again.
        """
        standing = self.standing
        if standing.fence is None:
            raise ValueError("nothing was taken yet, so there is nothing to keep")
        if self.half_taken:
            raise ValueError(f"a source message is half taken at {self.fence}: take its other parts first")
        self.state.forget_models(self.control.in_force(standing.head or 0).models())
        self.state.copies = Copies(
            head=standing.head,
            partition_time=standing.partition_time,
            received=self.control.received,
            kept=self.control.kept(),
        )
        return RouterSnapshot(
            source_partition=self.partition,
            fence=standing.fence,
            event_time=standing.head or 0,
            seq=standing.seq,
            state_version=STATE_VERSION,
            state=self.state.snapshot(),
        )

    def _score(self, batch: FeatureBatch) -> None:
        """Corrections make neither predictions nor signals."""
        if batch.kind != "live":
            return
        self._head = batch.event_time if self._head is None else max(self._head, batch.event_time)
        if batch.symbols:
            if self.feature_names:
                self.state.stats.add(batch)
            self._calls += self._predictor.predict(batch, self.control.in_force(batch.event_time))

    def _close_bar(self, source_offset: int) -> Output:
        calls, self._calls = self._calls, []
        if not calls:
            return Output()
        calls.sort(key=lambda call: call.strategy.name)
        interval, event_time = calls[0].batch.interval, calls[0].batch.event_time
        deployments = self.control.in_force(event_time)
        serving = [call for call in calls if call.role in SERVING_ROLES]
        statements = [statement(call, deployments, self.options) for call in serving]
        rules = rules_in_force(self.options.router, deployments)
        routed = self.state.router.route(statements, interval, event_time, rules)
        outcomes = dict(zip(map(id, serving), routed.outcomes, strict=True))
        source = (self.partition, source_offset)
        place = BarPlace(router=self.options.router.name, interval=interval, event_time=event_time, source=source)
        return Output(
            predictions=tuple(prediction_batch(call, self.partition, outcomes.get(id(call))) for call in calls),
            signals=build_signals(routed, statements, place, self.standing.seq) if routed.sent.any() else (),
        )

    def _pass_on(self, message: Watermark) -> Output:
        """Close the sessions that the watermark ends, forward it, and tell gateways how far event time has come."""
        closed = self.state.stats.close(self.partition, _released(message), self.feature_names)
        time = message.event_time if message.partition_time is None else message.partition_time
        beat = Heartbeat(seq=self.standing.seq, partition=self.partition, event_time=time)
        return Output(predictions=(*closed, message), signals=(beat,))

    def _obey(self, event: ControlEvent) -> Output:
        before = self.control.in_force(max(self._head or 0, event.effective_from))
        applied = self.control.receive(event, self._head, self.standing.partition_time)
        return Output(signals=tuple(control_notices(applied, before, self.partition, self.standing.seq)))


def _released(message: Watermark) -> int | None:
    """Return the time (ns UTC) up to which sessions are over; None: all of them.

    The last open feed's ``final`` ends the day. One that was timed out may come back within its session, and a mark
    of a feed that isn't open promises nothing.
    """
    if message.partition_time is not None or message.state == "final":
        return message.partition_time
    return message.event_time if message.state == "timed_out" else 0
