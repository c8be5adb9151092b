"""Lists of signals: what is stored and what has come over the topic since, joined."""

import re
import time
from typing import Any

from infra.errors import OperatorError
from infra.settings import Settings
from infra.warehouse.bounded import read_bounded
from infra.warehouse.console_signals import Place, TapeFilter, stored_tape
from infra.warehouse.newest_signals import newest_signals
from schemas.signals import Signal
from signaltape.console.reading import PATIENCE_S
from signaltape.console.signals.rows import COLUMNS, notice_row, signal_row
from signaltape.console.signals.tape import KEPT, SignalTape
from signaltape.serving.errors import ServingError

MOST_SYMBOLS = 20_000
#: A tape whose tail isn't read by then is shown out of the store alone.
_TAIL_WAIT_S = 2.0
_PLACE = re.compile(r"([0-9]{1,18}|[1-8][0-9]{18})\.([0-9]{1,18})\.([0-9a-f]{1,64})")


def tape_page(settings: Settings, tape: SignalTape, wanted: TapeFilter, limit: int) -> dict[str, Any]:
    """What is stored and what has come, each once, the newest first; either alone where the other is away.

    ``next`` names the place behind which older ones follow, None where none are known; ``end``: none are kept. Older
    ones are told by the store or not at all.
    """
    tape.touch(_TAIL_WAIT_S)
    piece = tape.after("", 0, KEPT)
    come = [(n, one) for n, one in enumerate(piece.items, piece.first)]
    fault = ""
    try:  # one more tells whether there are more
        stored = read_bounded(settings, lambda one: stored_tape(one, wanted, limit + 1), patience_s=PATIENCE_S)
    except OperatorError as error:
        if not come or wanted.behind is not None or wanted.before is not None:
            raise
        stored, fault = [], f"the store can't be read, so only what came lately is shown: {error}"
    numbered = {one.signal_id: (n, one) for n, one in come if isinstance(one, Signal) and wanted.passes(one)}
    both = {**{one.signal_id: (0, one) for one in stored}, **numbered}
    found = sorted(both.values(), key=lambda pair: Place.of(pair[1]), reverse=True)
    rows = found[:limit]
    more = len(found) > limit
    return {
        "epoch": piece.epoch,
        "to": piece.last,
        "columns": COLUMNS,
        "rows": [signal_row(n, one) for n, one in rows],
        "notices": [notice_row(n, one) for n, one in reversed(come) if not isinstance(one, Signal)][:200],
        "limit": limit,
        "truncated": more,
        "next": _named(Place.of(rows[-1][1])) if more else None,
        "end": not more and not fault,
        "fault": tape.fault,
        "store_fault": fault,
        "now": time.time_ns(),
    }


def newest_of_each(settings: Settings, tape: SignalTape) -> dict[str, Any]:
    """The newest signal of each symbol and interval, by name."""
    tape.touch(_TAIL_WAIT_S)
    piece = tape.after("", 0, KEPT)
    stored = read_bounded(settings, newest_signals, patience_s=PATIENCE_S)
    newest = {(one.symbol, one.interval): (0, one) for one in stored}
    for n, one in enumerate(piece.items, piece.first):
        if isinstance(one, Signal):
            known = newest.get((one.symbol, one.interval))
            if known is None or (known[1].event_time, known[1].seq) <= (one.event_time, one.seq):
                newest[one.symbol, one.interval] = (n, one)
    rows = sorted(newest.values(), key=lambda pair: (pair[1].symbol, pair[1].interval))
    return {
        "epoch": piece.epoch,
        "to": piece.last,
        "columns": COLUMNS,
        "rows": [signal_row(n, one) for n, one in rows[:MOST_SYMBOLS]],
        "limit": MOST_SYMBOLS,
        "truncated": len(rows) > MOST_SYMBOLS,
        "fault": tape.fault,
        "store_fault": "",
        "now": time.time_ns(),
    }


def _named(place: Place) -> str:
    """How a page names the place that it wants to go on behind; a page's numbers would lose the last digits."""
    return f"{place.event_time}.{place.seq}.{place.signal_id}"


def place_named(text: str) -> Place:
    """The inverse of ``next``. Raises ServingError (``no_place``)."""
    found = _PLACE.fullmatch(text)
    if found is None:
        raise ServingError("no_place", "this names no place in the tape", "older")
    return Place(event_time=int(found[1]), seq=int(found[2]), signal_id=found[3])
