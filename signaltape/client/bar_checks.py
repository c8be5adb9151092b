"""One bar of another program: can it be published at all?"""

import math
import operator
from dataclasses import dataclass

from schemas.intervals import INTERVALS, on_grid
from schemas.names import MAX_NAME, is_name
from signaltape.client.errors import BarRejectedError

_INT64 = 2**63


@dataclass(frozen=True, slots=True)
class Row:
    """One bar of a close: open, high, low, close as ``prices``; ``volume`` is None where the source has none."""

    symbol: str
    prices: tuple[float, float, float, float]
    volume: float | None


def checked_row(
    symbol: str, interval: str, event_time: int, prices: tuple[float, float, float, float], volume: float | None
) -> Row:
    """Return the bar with plain numbers. Raises ``BarRejectedError``; its codes are those of dead letters.

    ``event_time`` is in ns UTC. Whether it lies in the future is for the caller to say, who has a clock.
    """
    try:
        opening, high, low, close = map(float, prices)
        volume = None if volume is None else float(volume)
        operator.index(event_time)
    except (TypeError, ValueError) as error:
        raise BarRejectedError("wrong_type", f"{symbol!r} at {event_time!r}: {error}") from error
    name: object = symbol  # a caller's types may be wrong
    if not isinstance(name, str) or not is_name(name):
        code = "wrong_type" if symbol else "empty_symbol"
        raise BarRejectedError(code, f"a symbol is a text of 1 to {MAX_NAME} characters, not {symbol!r:.140}")
    fault = _time_fault(interval, event_time) or _number_fault(opening, high, low, close, volume)
    if fault is not None:
        raise BarRejectedError(fault[0], f"{symbol}: {fault[1]}")
    return Row(str(symbol), (opening, high, low, close), volume)


def _time_fault(interval: str, event_time: int) -> tuple[str, str] | None:
    if interval not in INTERVALS:
        return "unknown_interval", f"{interval!r}; use one of {', '.join(INTERVALS)}"
    if not 0 < event_time < _INT64 or not on_grid(interval, event_time):
        return "off_grid", f"no {interval} bar closes at {event_time}"
    return None


def _number_fault(
    opening: float, high: float, low: float, close: float, volume: float | None
) -> tuple[str, str] | None:
    if not all(map(math.isfinite, (opening, high, low, close))):
        return "not_finite", f"open {opening}, high {high}, low {low}, close {close}"
    if not (opening > 0.0 and high > 0.0 and low > 0.0 and close > 0.0):
        return "non_positive_price", f"open {opening}, high {high}, low {low}, close {close}"
    if not low <= high:
        return "high_below_low", f"high {high}, low {low}"
    if not low <= opening <= high:
        return "open_outside_range", f"open {opening} outside [{low}, {high}]"
    if not low <= close <= high:
        return "close_outside_range", f"close {close} outside [{low}, {high}]"
    if volume is not None and not math.isfinite(volume):
        return "not_finite", f"volume {volume}; leave it out where there is none"
    if volume is not None and not volume >= 0.0:
        return "negative_volume", f"volume {volume}"
    return None
