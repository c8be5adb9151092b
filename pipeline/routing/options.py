"""Choices of the router and of the inference consumer."""

from dataclasses import dataclass, field

from schemas.intervals import SECOND

#: When a direction is stated again: on every bar (outside the dedup window), or only when it changes.
EMIT_MODES = ("every_bar", "on_change")


@dataclass(frozen=True, kw_only=True, slots=True)
class RouterOptions:
    """What the router lets through.

    ``name`` is part of every ``signal_id``. ``dedup_window_ns`` is the length of the half-open window that an
    emitted signal opens, in event time. ``symbols`` empty means all. ``filter_confidence`` drops rows below it,
    fallbacks (confidence 0) included. Control events of kind ``parameters`` override all but ``name``.
    """

    name: str = "default"
    dedup_window_ns: int = 5 * SECOND
    emit: str = "every_bar"
    symbols: tuple[str, ...] = ()
    blocked_symbols: tuple[str, ...] = ()
    directions: tuple[str, ...] = ("flat", "long", "short")
    filter_confidence: float = 0.0

    def __post_init__(self) -> None:
        if self.emit not in EMIT_MODES:
            raise ValueError(f"emit must be one of {', '.join(EMIT_MODES)}, got {self.emit!r}")
        if self.dedup_window_ns < 0:
            raise ValueError(f"dedup_window_ns must not be negative, got {self.dedup_window_ns}")


@dataclass(frozen=True, kw_only=True, slots=True)
class InferenceOptions:
    """What the core of the inference is told. ``fresh_bars``: how many bars old a score may be to stand in as last."""

    fresh_bars: int = 5
    router: RouterOptions = field(default_factory=RouterOptions)
