"""Compares what was said with the whole future, with another future and with none."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.lookahead.facts import Facts
from pipeline.lookahead.statements import Statements, Subject
from schemas.fields import I8Array

_Key = tuple[int, str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Leak:
    """The first bar that moved: its statement was known at ``known_time``, before ``cut``, where the futures part.

    ``future``: ``cut`` (nothing after it) or ``changed`` (other bars after it). ``before`` and ``after``: the values
    with the whole and with the other future, None where undefined or not stated; the bits as 16 hex digits, or
    ``missing``. Times ns UTC.
    """

    symbol: str
    event_time: int
    known_time: int
    cut: int
    future: str
    before: float | None
    after: float | None
    before_bits: str
    after_bits: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Result for one column: ``compared`` values over all futures, ``leak`` the first one that moved."""

    group: str
    kind: str
    name: str
    compared: int
    leak: Leak | None

    @property
    def passed(self) -> bool:
        """True if something was compared and nothing moved: a check of nothing is no pass."""
        return self.leak is None and self.compared > 0


def check_lookahead(subject: Subject, facts: Facts, *, seed: int = 0, cuts: int = 3) -> tuple[Verdict, ...]:
    """Judge every column that ``subject`` states, in its order.

    ``cuts`` times are drawn (seeded) from the times at which something became known, in the second half of them. For
    each the subject is run over the facts with the future cut off and with another future; of what it counted as
    known by then every row must still be there, and every value equal in every bit.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    whole = subject(facts)
    known = np.unique(facts.available_time)
    drawn = rng.choice(known[known.shape[0] // 2 : -2], size=cuts, replace=False)
    compared: dict[tuple[str, str], int] = {(table.group, name): 0 for table in whole for name in table.names}
    leaks: dict[tuple[str, str], Leak] = {}
    for cut in sorted(drawn.tolist()):
        for future, other in (("cut", facts.known_at(cut)), ("changed", facts.changed_after(cut, rng))):
            for before, after in _pairs(whole, subject(other)):
                rows, found = _compare(before, after, cut, future)
                for name in before.names:
                    compared[before.group, name] += rows
                for name, leak in found:
                    key = (before.group, name)
                    if key not in leaks or leak.event_time < leaks[key].event_time:
                        leaks[key] = leak
    return tuple(
        Verdict(
            group=table.group,
            kind=table.kind,
            name=name,
            compared=compared[table.group, name],
            leak=leaks.get((table.group, name)),
        )
        for table in whole
        for name in table.names
    )


def _pairs(whole: Sequence[Statements], other: Sequence[Statements]) -> Iterator[tuple[Statements, Statements]]:
    """The tables of both runs by group; a table that the other run doesn't state is an empty one."""
    found = {table.group: table for table in other}
    for table in whole:
        yield table, found.get(table.group, table.take(np.empty(0, dtype=np.int64)))


def _compare(before: Statements, after: Statements, cut: int, future: str) -> tuple[int, list[tuple[str, Leak]]]:
    """Rows compared, and the first leak of each column that has one."""
    old, new = (table.take(table.known_time <= cut).in_order() for table in (before, after))
    places = {key: row for row, key in enumerate(_keys(new))}
    keys = _keys(old)
    missing = np.iinfo(np.int64).min
    at = np.array([places.pop(key, missing) for key in keys], dtype=np.int64)
    # Rows that only the other future has are appended: they were not said in the first.
    extra = np.array(sorted(places.values()), dtype=np.int64)
    rows = np.concatenate([np.arange(len(keys), dtype=np.int64), np.full(extra.shape[0], missing)])
    at = np.concatenate([at, extra])
    here, there = rows >= 0, at >= 0
    differs = np.ones((rows.shape[0], len(before.names)), dtype=np.bool_)
    both = here & there
    differs[both] = _bits(old, rows[both]) != _bits(new, at[both])
    leaks = []
    for column, name in enumerate(before.names):
        moved = np.flatnonzero(differs[:, column])
        if moved.shape[0]:
            candidates = [
                _leak((old, int(rows[row])), (new, int(at[row])), column, (cut, future)) for row in moved.tolist()
            ]
            leaks.append((name, min(candidates, key=lambda leak: (leak.event_time, leak.symbol))))
    return int(np.count_nonzero(here)), leaks


def _keys(table: Statements) -> list[_Key]:
    return list(zip(table.event_time.tolist(), table.symbol.tolist(), table.known_time.tolist(), strict=True))


def _bits(table: Statements, rows: I8Array) -> I8Array:
    """Bits of values, every *undefined* alike."""
    values = np.where(np.isnan(table.values[rows]), np.nan, table.values[rows])
    return np.ascontiguousarray(values).view(np.int64)


def _leak(old: tuple[Statements, int], new: tuple[Statements, int], column: int, where: tuple[int, str]) -> Leak:
    table, row = old if old[1] >= 0 else new
    before, after = _shown(*old, column), _shown(*new, column)
    return Leak(
        symbol=str(table.symbol[row]),
        event_time=int(table.event_time[row]),
        known_time=int(table.known_time[row]),
        cut=where[0],
        future=where[1],
        before=before[0],
        after=after[0],
        before_bits=before[1],
        after_bits=after[1],
    )


def _shown(table: Statements, row: int, column: int) -> tuple[float | None, str]:
    if row < 0:
        return None, "missing"
    value = table.values[row, column]
    return (
        None if np.isnan(value) else float(value)
    ), f"{int(_bits(table, np.array([row]))[0, column]) & (2**64 - 1):016x}"
