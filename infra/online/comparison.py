"""Compares the online store with the warehouse, and writes it anew from there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from infra.online.store import OnlineStore
from infra.warehouse.connection import Connection
from infra.warehouse.newest import NewestVectors, newest_vectors

_SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class OnlineDifference:
    """How the two stores differ for one set and interval. examples: symbol and what is wrong, the first ten."""

    feature_set: str
    set_version: int
    interval: str
    stored: int
    online: int
    missing: int = 0
    different: int = 0
    extra: int = 0
    examples: tuple[tuple[str, str], ...] = field(default=())

    @property
    def equal(self) -> bool:
        """True if every symbol has the same vector on both sides, bit for bit."""
        return not (self.missing or self.different or self.extra)


def compare(connection: Connection, online: OnlineStore) -> list[OnlineDifference]:
    """One line for each set and interval that either side has vectors of; raises OnlineUnavailable."""
    # Listed before the warehouse is read: what an agent writes to Redis it has stored before, so what is listed and
    # then not found in the warehouse was not just coming.
    listed = online.listed()
    found = [
        _compare(one, online, listed.pop((one.feature_set, one.set_version, one.interval), []))
        for one in newest_vectors(connection)
    ]
    return found + [_stranger(place, extra) for place, extra in listed.items()]


def rebuild(connection: Connection, online: OnlineStore, progress: Callable[[str], None]) -> int:
    """Write every newest vector of the warehouse, whatever is there, and remove what it does not have.

    Returns the number of vectors. Agents may go on meanwhile: they write newer ones, and write all of theirs once
    they see that the store is marked stale. Raises OnlineUnavailable.
    """
    total, listed = 0, online.listed()  # before the warehouse is read, as in `compare`
    for one in newest_vectors(connection):
        place = (one.feature_set, one.set_version, one.interval)
        total += online.write(*place, one.vectors, force=True)
        online.remove(*place, sorted(set(listed.pop(place, [])) - set(one.vectors.symbols)))
        progress(f"{one.feature_set} {one.set_version} {one.interval}: {len(one.vectors.symbols)} symbols")
    for place, extra in listed.items():
        removed = online.remove(*place, extra)
        progress(f"{place[0]} {place[1]} {place[2]}: {removed} symbols removed, the warehouse has none")
    return total


def _stranger(place: tuple[str, int, str], extra: Sequence[str]) -> OnlineDifference:
    return OnlineDifference(
        feature_set=place[0],
        set_version=place[1],
        interval=place[2],
        stored=0,
        online=len(extra),
        extra=len(extra),
        examples=tuple((symbol, "is not in the warehouse") for symbol in extra[:_SHOWN]),
    )


def _compare(one: NewestVectors, online: OnlineStore, symbols: Sequence[str]) -> OnlineDifference:
    place, want = (one.feature_set, one.set_version, one.interval), one.vectors
    have = online.read(*place, want.symbols)
    row = {symbol: at for at, symbol in enumerate(have.symbols)}
    missing = [symbol for symbol in want.symbols if symbol not in row]
    extra = sorted(set(symbols) - set(want.symbols))
    faults = [(symbol, "is not in the online store") for symbol in missing]
    faults += [(symbol, "is not in the warehouse") for symbol in extra]
    different = 0
    for at, symbol in enumerate(want.symbols):
        if symbol in row and (names := _differing(one, at, have, row[symbol])):
            different += 1
            faults.append((symbol, f"differs in {', '.join(names)}"))
    return OnlineDifference(
        feature_set=one.feature_set,
        set_version=one.set_version,
        interval=one.interval,
        stored=len(want.symbols),
        online=len(symbols),
        missing=len(missing),
        different=different,
        extra=len(extra),
        examples=tuple(faults[:_SHOWN]),
    )


def _differing(one: NewestVectors, at: int, have: object, row: int) -> list[str]:
    names = ("event_time", "source_offset", "values", "valid", "close")
    return [
        name
        for name in names
        if np.asarray(getattr(one.vectors, name)[at]).tobytes() != np.asarray(getattr(have, name)[row]).tobytes()
    ]
