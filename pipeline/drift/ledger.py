"""Label ledger: predictions wait here for the returns that they were made for."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.drift.columns import Columns, concatenate, packed, sort_by_key, unpacked
from pipeline.drift.series import Series, series_from
from schemas.features import ReturnBatch
from schemas.fields import BoolArray, F8Array, I8Array
from schemas.intervals import DAY, HOUR, INTERVALS, session_of

#: How long a prediction waits for its label at least, in days; labels of symbols that stopped trading never come.
LEAST_WAIT_DAYS = 10


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class CrossSection:
    """Pairs of one prediction time (ns UTC) whose labels matured in one session, ordered by symbol."""

    prediction_time: int
    symbols: tuple[str, ...]
    scores: F8Array
    log_returns: F8Array


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Matured:
    """What one series got in one session: its cross-sections in time order, and how many predictions gave up."""

    cross_sections: tuple[CrossSection, ...]
    expired: int


class LabelLedger:
    """Joins predictions with matured returns by (series, symbol, prediction time, horizon), session by session.

    Rows arrive in any interleaving of partitions and topics, as long as each symbol's own rows keep their order
    (they do: a symbol lives in one partition). A session's result and the snapshot are functions of the rows taken,
    not of their order: everything is brought into the order (prediction time, symbol) before it is used.
    Of several predictions or labels with one key the first counts.

    Held in memory: predictions that wait, and labels of sessions that have not closed; those of an open hour are kept
    by hour too, so that it can be looked at without taking anything from its session. Predictions older than three
    times their horizon (at least ten days) at a close are given up and counted.
    """

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}
        self._waiting: dict[Series, list[Columns]] = {}
        self._labels: dict[tuple[int, str, int], list[Columns]] = {}
        self._hours: dict[tuple[int, str, int], list[Columns]] = {}

    def predictions(self, series: Series, event_time: int, symbols: Sequence[str], scores: F8Array) -> None:
        """Take the finite scores, shape (n,), that a series gave to ``symbols`` for the bar at ``event_time``."""
        times = np.full(len(symbols), event_time, np.int64)
        self._waiting.setdefault(series, []).append((times, self._numbers(symbols), scores))

    def labels(self, batch: ReturnBatch, *, hour: int | None = None) -> None:
        """Take returns that matured at the batch's ``event_time``; with ``hour``, they are seen by ``close_hour``."""
        key = (session_of(batch.event_time), batch.interval, batch.horizon)
        rows = (batch.prediction_time, self._numbers(batch.symbols), batch.log_return)
        self._labels.setdefault(key, []).append(rows)
        if hour is not None:
            self._hours.setdefault((hour, batch.interval, batch.horizon), []).append(rows)

    def hours(self, last: int) -> set[int]:
        """Hours up to ``last`` in which labels matured."""
        return {hour for hour, _, _ in self._hours if hour <= last}

    def close_hour(self, hour: int) -> dict[Series, Matured]:
        """What matured in an hour, joined. The session's labels and the predictions stay; call before its close.

        Cross-sections are not ordered by symbol.
        """
        names, result = list(self._ids), {}
        closed = {key[1:]: sort_by_key(concatenate(rows)) for key, rows in self._hours.items() if key[0] == hour}
        for series in sorted(self._waiting):
            labels = closed.get((series.interval, series.horizon))
            if labels is None:
                continue
            # A day's predictions wait, few of them for this hour; none of a later one, which not every lane has told.
            first, last = labels[0][0], min(labels[0][-1], (hour + 1) * HOUR)
            blocks = [_between(block, first, last) for block in self._waiting[series]]
            sections, _ = _join(sort_by_key(concatenate(blocks)), labels, names)
            found = tuple(sections)
            if found:
                result[series] = Matured(cross_sections=found, expired=0)
        self._hours = {key: rows for key, rows in self._hours.items() if key[0] > hour}
        return result

    def sessions(self, last: int) -> set[int]:
        """Sessions up to ``last`` in which labels matured."""
        return {session for session, _, _ in self._labels if session <= last}

    def close(self, session: int) -> dict[Series, Matured]:
        """Join the labels of ``session`` and forget them; call in ascending order, once nothing can follow."""
        names = self._renumber()
        result = {}
        for series in sorted(self._waiting):
            blocks = self._labels.get((session, series.interval, series.horizon), [])
            predictions = sort_by_key(concatenate(self._waiting[series]))
            sections, taken = _join(predictions, sort_by_key(concatenate(blocks)), names)
            expired = ~taken & (predictions[0] <= give_up_time(series, session))
            left = ~taken & ~expired
            self._waiting[series] = [(predictions[0][left], predictions[1][left], predictions[2][left])]
            result[series] = Matured(cross_sections=tuple(sections), expired=int(expired.sum()))
        self._waiting = {series: rows for series, rows in self._waiting.items() if len(rows[0][0])}
        self._labels = {key: rows for key, rows in self._labels.items() if key[0] > session}
        return result

    def waiting(self, series: Series) -> int:
        """How many predictions of a series wait for their label."""
        return sum(len(block[0]) for block in self._waiting.get(series, []))

    def waiting_at(self, series: Series, event_time: int) -> set[str]:
        """Symbols whose prediction for the bar at ``event_time`` waits. Looks through everything: for rare use."""
        names = list(self._ids)
        blocks = self._waiting.get(series, [])
        return {names[number] for block in blocks for number in block[1][block[0] == event_time].tolist()}

    def standing(self) -> dict[Series, tuple[I8Array, BoolArray]]:
        """Of every series the times of its predictions that wait (ns UTC), and which have a label that came already."""
        found = {}
        for series, rows in self._waiting.items():
            times, numbers, _ = concatenate(rows)
            kind = (series.interval, series.horizon)
            blocks = [rows for key, rows in self._labels.items() if key[1:] == kind]
            offered = concatenate([block for rows in blocks for block in rows])
            moments = np.unique(np.concatenate((times, offered[0])))
            asked, got = (
                np.searchsorted(moments, side[0]) * len(self._ids) + side[1] for side in ((times, numbers), offered)
            )
            found[series] = (times, np.isin(asked, got))
        return found

    def snapshot(self) -> dict[str, Any]:
        """State as plain values and bytes, the same for every order of arrival."""
        names = self._renumber()
        waiting = [(s.key, packed(sort_by_key(concatenate(self._waiting[s])))) for s in sorted(self._waiting)]
        labels = [(key, packed(sort_by_key(concatenate(self._labels[key])))) for key in sorted(self._labels)]
        hours = [(key, packed(sort_by_key(concatenate(self._hours[key])))) for key in sorted(self._hours)]
        return {"names": names, "waiting": waiting, "labels": labels, "hours": hours}

    @classmethod
    def restore(cls, state: dict[str, Any]) -> "LabelLedger":
        """Inverse of ``snapshot``."""
        ledger = cls()
        ledger._ids = {name: number for number, name in enumerate(state["names"])}
        ledger._waiting = {series_from(tuple(key)): [unpacked(rows)] for key, rows in state["waiting"]}
        ledger._labels = {tuple(key): [unpacked(rows)] for key, rows in state["labels"]}
        ledger._hours = {tuple(key): [unpacked(rows)] for key, rows in state.get("hours", ())}
        return ledger

    def _numbers(self, symbols: Iterable[str]) -> Any:
        """Number of each symbol; new ones get the next number."""
        ids = self._ids
        return np.array([ids.setdefault(symbol, len(ids)) for symbol in symbols], np.int64)

    def _renumber(self) -> list[str]:
        """Number the symbols in use by their alphabetical order and return them in it."""
        old = list(self._ids)
        labels = (*self._labels.values(), *self._hours.values())
        blocks = [block for rows in (*self._waiting.values(), *labels) for block in rows]
        used = np.unique(np.concatenate([block[1] for block in blocks])).tolist() if blocks else []
        names = sorted(old[number] for number in used)
        self._ids = {name: number for number, name in enumerate(names)}
        table = np.array([self._ids.get(name, -1) for name in old], np.int64)
        for held in (self._waiting, self._labels, self._hours):
            for key, rows in held.items():
                held[key] = [(times, table[ids], values) for times, ids, values in rows]  # type: ignore[index]
        return names


def give_up_time(series: Series, session: int) -> int:
    """Predictions at or before this time (ns UTC) no longer wait when ``session`` closes."""
    wait = max(LEAST_WAIT_DAYS * DAY, 3 * series.horizon * INTERVALS[series.interval])
    return (session + 1) * DAY - wait


def _between(block: Columns, first: int, last: int) -> Columns:
    """Rows whose time lies in [first, last]."""
    inside = (block[0] >= first) & (block[0] <= last)
    return block[0][inside], block[1][inside], block[2][inside]


def _join(predictions: Columns, labels: Columns, names: list[str]) -> tuple[Iterator[CrossSection], Any]:
    """Pair two sorted tables without repeated keys; also say which predictions found a label, bool (n,)."""
    times = np.unique(np.concatenate((predictions[0], labels[0])))
    wanted, offered = (np.searchsorted(times, side[0]) * len(names) + side[1] for side in (predictions, labels))
    _, left, right = np.intersect1d(wanted, offered, assume_unique=True, return_indices=True)
    taken = np.zeros(len(wanted), np.bool_)
    taken[left] = True
    pairs = (predictions[0][left], predictions[1][left], predictions[2][left])
    return _cross_sections(pairs, labels[2][right], names), taken


def _cross_sections(pairs: Columns, log_returns: F8Array, names: list[str]) -> Iterator[CrossSection]:
    """Cut sorted pairs at each new prediction time."""
    times, ids, scores = pairs
    starts = np.flatnonzero(np.concatenate((np.ones(min(1, len(times)), np.bool_), times[1:] != times[:-1])))
    for start, end in zip(starts, [*starts[1:], len(times)], strict=False):
        yield CrossSection(
            prediction_time=int(times[start]),
            symbols=tuple(names[number] for number in ids[start:end].tolist()),
            scores=scores[start:end],
            log_returns=log_returns[start:end],
        )
