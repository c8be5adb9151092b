"""One symbol at a time T: what was known of its bars and features then, and what is known of the same closes now."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from infra.feature_store import FeatureStore
from infra.feature_store.catalog import Catalog
from infra.feature_store.frame import Knowledge
from infra.settings import Settings
from infra.warehouse.checkpoints import OFFSET_BITS
from infra.warehouse.connection import Connection
from infra.warehouse.console_data import Request, StoredBar, StoredVector, Symbol, first_close
from infra.warehouse.moments import to_nanoseconds
from pipeline.quality.marks import BITS
from schemas.times import iso
from signaltape.serving.errors import ServingError

#: Closes in the table of bars, rows that are read for it, and repair requests that may explain a difference.
CLOSES, _ROWS, _REQUESTS = 12, 120, 200
_NUMBERS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What is looked at. ``at``, ``now``: ns UTC. ``close``: whose features; None: the last close known at ``at``."""

    symbol: str
    interval: str
    at: int
    now: int
    knowledge: Knowledge
    feature_set: str
    version: int
    close: int | None = None

    def knew(self, row: StoredBar | StoredVector) -> bool:
        """True if a row was known at ``at``."""
        stored = self.knowledge == "available" or to_nanoseconds(row.ingest_time) <= self.at
        return stored and to_nanoseconds(row.available_time) <= self.at

    def knows(self, row: StoredBar | StoredVector) -> bool:
        """True if a row is known now."""
        return to_nanoseconds(row.available_time) <= self.now


def sets(connection: Connection) -> dict[tuple[str, int], tuple[str, ...]]:
    """(feature set, version) → features of what is stored."""
    return {key: one.features for key, one in Catalog.read(connection).sets.items()}


def look(connection: Connection, settings: Settings, asked: Asked) -> dict[str, Any]:
    """Both sides, close by close and feature by feature. Raises ServingError, and what the feature store raises."""
    there = Symbol(connection, asked.symbol, asked.interval)
    bars = _bars(there.bars_before(asked.at, _ROWS), asked)
    store = FeatureStore(settings, feature_set=asked.feature_set, interval=asked.interval)
    try:
        frame = store.get_latest(
            [asked.symbol], None, asked.at, feature_version=asked.version, knowledge=asked.knowledge
        )
    finally:
        store.close()
    known_close = int(frame.event_time[0]) if bool(frame.known[0]) else None
    newest = there.newest_vector(asked.at, asked.feature_set, asked.version)
    close = asked.close if asked.close is not None else known_close if known_close is not None else newest
    rows = [] if close is None else there.vectors(close, asked.feature_set, asked.version)
    requests = there.requests(_REQUESTS)
    return {
        "symbol": asked.symbol,
        "interval": asked.interval,
        "at": asked.at,
        "at_text": iso(asked.at),
        "now": asked.now,
        "knowledge": asked.knowledge,
        "first_close": first_close(connection, asked.symbol, asked.interval),
        "bars": bars,
        "feature_set": asked.feature_set,
        "set_version": asked.version,
        "close": close,
        "close_text": None if close is None else str(close),
        "known_close": known_close,
        "newest_close": newest,
        "final": frame.final,
        "features": _features(frame.features, rows, asked, requests),
    }


def _bars(rows: Sequence[StoredBar], asked: Asked) -> list[dict[str, Any]]:
    """A line a close, the newest first: the bar that counted at T, the one that counts now, and why they differ."""
    closes: dict[int, list[StoredBar]] = {}
    for row in rows:
        closes.setdefault(to_nanoseconds(row.event_time), []).append(row)
    if len(rows) == _ROWS:  # the last one may lack rows
        closes.popitem()
    found = []
    for close, held in list(closes.items())[:CLOSES]:
        primary = [row for row in held if row.status != "secondary"] or held
        then = max((row for row in primary if asked.knew(row)), key=_revision, default=None)
        now = max((row for row in primary if asked.knows(row)), key=_revision, default=None)
        changed = [name for name in _NUMBERS if _number(then, name) != _number(now, name)] if then and now else []
        found.append(
            {
                "close_time": close,
                "close_text": str(close),
                "then": _bar(then),
                "now": _bar(now),
                "changed": changed,
                "rows": len(held),
                "why": _why_bar(then, now, asked),
            }
        )
    return found


def _revision(row: StoredBar) -> int:
    return row.revision


def _number(row: StoredBar | None, name: str) -> float | None:
    return None if row is None else getattr(row, name)


def _bar(row: StoredBar | None) -> dict[str, Any] | None:
    if row is None:
        return None
    found = asdict(row)
    for name in ("event_time", "available_time", "ingest_time"):
        found[name] = to_nanoseconds(found[name])
    found["marks"] = [name for name, bit in BITS.items() if row.quality & bit]
    return found


def _why_bar(then: StoredBar | None, now: StoredBar | None, asked: Asked) -> str:
    if now is None:
        return "is not available yet"
    if then is not None and then.revision == now.revision:
        return ""
    if then is not None:
        return f"revision {now.revision} came in place of revision {then.revision}, known since {_since(now)}"
    return _unknown(now, asked, "came late" if now.status == "late" else "was not known yet")


def _unknown(row: StoredBar | StoredVector, asked: Asked, otherwise: str) -> str:
    """Why a row that is known now was not known at T."""
    if to_nanoseconds(row.available_time) > asked.at:
        return f"{otherwise}: available since {_said(row.available_time)}"
    return f"was available at T and stored only at {_said(row.ingest_time)}"


def _since(row: StoredBar | StoredVector) -> str:
    """The moment from which on both clocks show a row."""
    return _said(max(row.available_time, row.ingest_time))


def _said(moment: datetime) -> str:
    """For people: to the second, or to the millisecond where it has a finer part."""
    text = iso(to_nanoseconds(moment))
    return f"{text[:23]}Z" if "." in text else text


def _features(
    names: Sequence[str], rows: Sequence[StoredVector], asked: Asked, requests: Sequence[Request]
) -> dict[str, Any]:
    """The vector of one close at T and now, feature by feature."""
    then = max((row for row in rows if asked.knew(row)), key=lambda row: row.revision, default=None)
    now = max((row for row in rows if asked.knows(row)), key=lambda row: row.revision, default=None)
    for row in (then, now):
        if row is not None and len(row.values) != len(names):
            raise ServingError("cannot", f"a stored vector has {len(row.values)} values, the set {len(names)} features")
    values = [
        {"name": name, "then": _at(then, place), "now": _at(now, place), "changed": _at(then, place) != _at(now, place)}
        for place, name in enumerate(names)
    ]
    return {
        "then": _vector(then),
        "now": _vector(now),
        "revisions": len(rows),
        "values": values,
        "changed": sum(bool(one["changed"]) for one in values) if then is not None and now is not None else 0,
        "why": _why_vector(then, now, asked, requests),
    }


def _at(row: StoredVector | None, place: int) -> float | None:
    return None if row is None else row.values[place]


def _vector(row: StoredVector | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        "revision": str(row.revision),
        "offset": (row.revision & ((1 << OFFSET_BITS) - 1)) - 1,
        "kind": row.kind,
        "available_time": to_nanoseconds(row.available_time),
        "ingest_time": to_nanoseconds(row.ingest_time),
    }


def _why_vector(then: StoredVector | None, now: StoredVector | None, asked: Asked, requests: Sequence[Request]) -> str:
    if now is None:
        return "there is no vector of this close: the symbol was warming up, or has no such bar"
    if then is not None and then.revision == now.revision:
        return ""
    if then is None:
        return _unknown(now, asked, "was not known yet")
    offset = (now.revision & ((1 << OFFSET_BITS) - 1)) - 1
    for one in requests:
        if one.as_of_offset == offset:
            return (
                f"corrected because of a {one.reason.replace('_', ' ')} of the bar of "
                f"{_said(one.event_time)}, known since {_since(now)}"
            )
    return f"a later row of kind {now.kind} takes its place, known since {_since(now)}"
