"""What is answered, and why."""

from dataclasses import dataclass

from schemas.signals import Signal

#: Where an answer comes from.
CACHED, COMPUTED, FALLBACK = SOURCES = ("cached", "computed", "fallback")
#: Why an answer isn't what the live model says of the newest bar; "" where it is.
CODES = (
    "", "paused", "no_live_model", "model_unavailable", "no_features", "stale_features", "deadline_missed",
    "breaker_open", "unusable_output", "filtered", "store_unavailable",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class SignalAnswer:
    """The answer to *what is the signal of this symbol now?*

    ``source``: ``cached``, the newest signal that was sent, not yet expired; ``computed``, what the live models say
    of the newest features, without dedup, so its ``seq`` is -1; ``fallback``, what stands in for them, ``signal``
    None where nothing does. ``age_s``: seconds since the bar's close. ``suggested_position``: share of the capital in
    [-1, 1], see ``pipeline.routing.position``. ``stale``: Redis may show something older than what was stored.
    ``code`` (of ``CODES``) and ``reason`` say why it isn't the models' own word.
    """

    symbol: str
    interval: str
    source: str
    signal: Signal | None = None
    age_s: float | None = None
    suggested_position: float | None = None
    stale: bool = False
    code: str = ""
    reason: str = ""
