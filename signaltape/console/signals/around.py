"""What the price did around a signal, and what came of it."""

from dataclasses import asdict
from typing import Any

from infra.warehouse.connection import Connection
from infra.warehouse.console_signals import bars_around, matured_return, sent_around

BEFORE, AFTER = 90, 60
#: A horizon beyond this many bars is shown cut.
MOST_AFTER = 500


def around(connection: Connection, symbol: str, interval: str, at: int, horizon: int) -> dict[str, Any]:
    """Bars around ``at`` (ns UTC), signals within them, and the return over ``horizon`` bars (0: none is asked for)."""
    ahead = min(max(AFTER, horizon + 10), MOST_AFTER)
    bars = bars_around(connection, symbol, interval, at, before=BEFORE, after=ahead)
    behind = [bar for bar in bars if bar.event_time > at]
    found: dict[str, Any] = {
        "symbol": symbol,
        "interval": interval,
        "at": at,
        "bars": [asdict(bar) for bar in bars],
        "truncated": len(behind) == MOST_AFTER,
        "limit": BEFORE + ahead,
        "signals": [],
        "outcome": None,
    }
    if bars:
        found["signals"] = sent_around(connection, symbol, interval, bars[0].event_time, bars[-1].event_time)
    if horizon:
        found["outcome"] = _outcome(connection, (symbol, interval, at), horizon, [bar.event_time for bar in behind])
    return found


def _outcome(connection: Connection, named: tuple[str, str, int], horizon: int, closes: list[int]) -> dict[str, Any]:
    """What came of (symbol, interval, event time).

    ``matured``: whether the return over the horizon is known; ``bars`` of ``horizon`` have closed.
    """
    known = None
    if closes:
        known = matured_return(connection, *named, horizon=horizon, until=closes[-1])
    return {
        "horizon": horizon,
        "bars": min(len(closes), horizon),
        "matured": known is not None,
        "log_return": None if known is None else known[0],
        "until": None if known is None else known[1],
    }
