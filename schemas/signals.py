"""Messages of ``signals``: what a trading gateway reads. One gap-free ``seq`` per partition over all three."""

from dataclasses import dataclass
from typing import ClassVar

#: The directions that a signal states.
SIGNALS = ("flat", "long", "short")
#: What a notice can say.
NOTICE_KINDS = (
    "paused", "resumed", "scaled", "swapped", "parameters", "control_late", "shadowed", "refused", "experiment"
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Signal:
    """The desired direction for one symbol from ``event_time`` on.

    ``timestamp`` is the bar's close in Unix seconds, ``event_time`` the same in ns. ``score`` is the expected log
    return over ``horizon`` bars, ``confidence`` the probability that its sign is right (0 for a fallback).
    ``models`` names what was merged, as ``name:version``. ``source`` is (bars partition, bars offset).
    """

    TYPE: ClassVar[str] = "Signal"

    signal_id: str
    seq: int
    symbol: str
    signal: str
    score: float
    confidence: float
    timestamp: float
    event_time: int
    interval: str
    horizon: int
    reference_price: float
    position_scale: float
    strategy: str
    model: str
    model_version: int
    models: tuple[str, ...]
    source: tuple[int, int]
    expires_at: int
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Heartbeat:
    """Progress in event time on one partition, so that a reader tells silence from death."""

    TYPE: ClassVar[str] = "Heartbeat"

    seq: int
    partition: int
    event_time: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """Something that changes how signals are to be read: a pause, a resume, a scale, a model swap."""

    TYPE: ClassVar[str] = "Notice"

    seq: int
    partition: int
    kind: str
    event_time: int
    strategy: str
    model: str
    symbols: tuple[str, ...]
    control_offset: int
    detail: str
