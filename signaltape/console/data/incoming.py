"""How bars came in: by day and by symbol, where they are missing, and what was corrected afterwards."""

from dataclasses import asdict
from typing import Any

from infra.warehouse.bar_quality import quality_report
from infra.warehouse.connection import Connection
from infra.warehouse.console_data import corrections, coverage, coverage_of_all, quality_days
from infra.warehouse.moments import to_nanoseconds
from signaltape.console.data.ranges import Range

#: Symbols in a table of quality, those with the most marks first, and marked bars shown of each kind.
MOST_LINES, EXAMPLES = 500, 2
#: Symbols in one picture of coverage.
MOST_SYMBOLS = 60


def quality(connection: Connection, symbol: str | None, span: Range) -> dict[str, Any]:
    """The counts of ``signaltape quality report`` and the same by day."""
    days = quality_days(connection, symbol, span.after, span.until)
    lines = quality_report(connection, symbol=symbol, after=span.after, until=span.until, examples=EXAMPLES)
    order = sorted(lines, key=lambda one: (-one.marked, one.symbol, one.interval))
    shown = []
    for one in order[:MOST_LINES]:
        line = asdict(one)
        for example in line["examples"]:
            example["event_time"] = to_nanoseconds(example["event_time"])
        shown.append(line)
    return {
        **span.document(),
        "days": [asdict(day) | {"session": to_nanoseconds(day.session)} for day in days],
        "lines": shown,
        "lines_all": len(lines),
        "lines_limit": MOST_LINES,
        "lines_truncated": len(lines) > MOST_LINES,
    }


def covered(connection: Connection, interval: str, symbols: list[str], matching: int, span: Range) -> dict[str, Any]:
    """Bars of each symbol (rows) on each session day (columns), beside what the day's fullest symbol has."""
    days = coverage_of_all(connection, interval, span.after, span.until)
    shown = symbols[:MOST_SYMBOLS]
    place = {session: at for at, (session, *_) in enumerate(days)}
    table = {symbol: [0] * len(days) for symbol in shown}
    for symbol, session, count in coverage(connection, interval, shown, span.after, span.until):
        if session in place:
            table[symbol][place[session]] = count
    return {
        **span.document(),
        "interval": interval,
        "days": [
            {"session": session, "symbols": with_bars, "bars": bars, "most": most}
            for session, with_bars, bars, most in days
        ],
        "symbols": [{"symbol": symbol, "bars": table[symbol]} for symbol in shown],
        "matching": matching,
        "symbols_limit": MOST_SYMBOLS,
        "symbols_truncated": matching > MOST_SYMBOLS,
    }


def corrected(
    connection: Connection, *, symbol: str | None, status: str, before: int | None, limit: int
) -> dict[str, Any]:
    """Requests as ``signaltape corrections list`` shows them, the newest first; ``next``: where to go on."""
    rows = corrections(connection, symbol=symbol, status=status, before=before, limit=limit + 1)
    shown = []
    for number, one in rows[:limit]:
        line = asdict(one) | {"id": str(number)}
        for name in ("event_time", "requested_at"):
            line[name] = to_nanoseconds(line[name])
        shown.append(line)
    more = len(rows) > limit
    return {"corrections": shown, "truncated": more, "limit": limit, "next": shown[-1]["id"] if more else None}
