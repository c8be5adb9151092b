"""What is recorded about one symbol at one bar: the facts that an explanation is made of. Times are ns UTC."""

from dataclasses import dataclass, field

import numpy as np

from pipeline.deployments import ModelRef
from schemas.bars import BarBatch
from schemas.control import ControlEvent
from schemas.signals import Signal


@dataclass(frozen=True, kw_only=True, slots=True)
class BarFact:
    """One stored bar. ``status``: one of ``ROW_STATUSES``; ``volume`` None: the source gives none."""

    symbol: str
    interval: str
    event_time: int
    source: str
    feed: str
    revision: int
    status: str
    open: float
    high: float
    low: float
    close: float
    volume: float | None
    available_time: int
    ingest_time: int
    generation: int
    partition: int
    source_offset: int
    row_index: int

    def batch(self) -> BarBatch:
        """The bar as a message of its own, as the engine takes it."""
        volume = 0.0 if self.volume is None else self.volume
        return BarBatch(
            feed=self.feed,
            source=self.source,
            interval=self.interval,
            event_time=self.event_time,
            available_time=self.available_time,
            revision=self.revision,
            symbols=(self.symbol,),
            open=np.array([self.open]),
            high=np.array([self.high]),
            low=np.array([self.low]),
            close=np.array([self.close]),
            volume=np.array([volume]),
            volume_valid=np.array([self.volume is not None]),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class VectorFact:
    """The live vector of one set. ``values`` in the order of ``names``, None where undefined (masked).

    ``numerics``: fingerprint of the arithmetic of the agent that wrote it, "" where it was not recorded.
    """

    feature_set: str
    set_version: int
    set_hash: str
    names: tuple[str, ...]
    values: tuple[float | None, ...]
    close: float
    available_time: int
    ingest_time: int
    revision: int
    numerics: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CallFact:
    """One model call at the bar's message. ``sha256`` of the ONNX file; ``numerics`` as in ``VectorFact``."""

    strategy: str
    ref: ModelRef
    role: str
    source_part: int
    sha256: str
    feature_set: str
    set_version: int
    set_hash: str
    deadline_missed: bool
    breaker_open: bool
    numerics: str
    model_latency_ns: int

    @property
    def key(self) -> tuple[str, str, ModelRef]:
        """What tells the calls of one message apart."""
        return self.strategy, self.role, self.ref


@dataclass(frozen=True, kw_only=True, slots=True)
class RowFact:
    """The symbol's row of a call; ``status``, ``direction`` and ``outcome`` by name."""

    strategy: str
    ref: ModelRef
    role: str
    horizon: int
    score: float
    confidence: float
    status: str
    direction: str
    outcome: str
    ingest_time: int
    topic_offset: int

    @property
    def key(self) -> tuple[str, str, ModelRef]:
        """As of the call that it belongs to."""
        return self.strategy, self.role, self.ref


@dataclass(frozen=True, kw_only=True, slots=True)
class SignalFact:
    """A stored signal and its place in ``signals``; ``partition`` is also that of its bars."""

    signal: Signal
    partition: int
    topic_offset: int
    ingest_time: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlFact:
    """A control event that a partition received and obeyed; it acts there from ``effective_p`` on.

    ``event.control_offset`` is a number of its own in the order in which the events were issued; ``offset`` is the
    place in ``control``.
    """

    event: ControlEvent
    offset: int
    effective_p: int
    late: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class LastAnswer:
    """What a model last answered for the symbol before this bar: the fallback ``last`` takes it, if fresh."""

    ref: ModelRef
    score: float
    event_time: int


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetter:
    """A bar of this symbol and close that was rejected: address of the message, code and reason."""

    topic: str
    partition: int
    offset: int
    code: str
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RepairFact:
    """A request to make the symbol's rows anew after a late or revised bar, or a late split."""

    event_time: int
    reason: str
    status: str
    source_offset: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """One symbol and interval at one close, with all that is recorded about it.

    ``bars``: every stored bar of that close. ``calls`` and ``rows``: of the message that carried the first bar;
    calls about other symbols of the message are among them. ``before``: the emission before this bar that the
    router still knew. ``control``: events obeyed on the partition that act by this close, in the order of effect.
    ``previous``, ``following``: the closes around it that have a bar. ``predicted_to``: highest close of the
    partition that has a stored prediction.
    """

    symbol: str
    interval: str
    event_time: int
    partition: int
    bars: tuple[BarFact, ...] = ()
    vectors: tuple[VectorFact, ...] = ()
    calls: tuple[CallFact, ...] = ()
    rows: tuple[RowFact, ...] = ()
    signal: SignalFact | None = None
    before: SignalFact | None = None
    control: tuple[ControlFact, ...] = ()
    answers: tuple[LastAnswer, ...] = ()
    repairs: tuple[RepairFact, ...] = ()
    dead_letters: tuple[DeadLetter, ...] = ()
    previous: int | None = None
    following: int | None = None
    predicted_to: int | None = None
    corrected: tuple[BarFact, ...] = field(default=())

    @property
    def bar(self) -> BarFact | None:
        """The bar that made features: the first of its close, of the source that counts."""
        return next((one for one in self.bars if one.status == "first"), None)
