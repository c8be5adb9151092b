"""Distribution of a day's scores, kept as counts over the bins of the training reference."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.drift.population_stability import Reference, count_into
from pipeline.drift.series import Series, series_from
from schemas.fields import F8Array, I8Array


@dataclass(kw_only=True, slots=True)
class DayCounts:
    """Scores of one series on one session day.

    ``counts`` has one entry per bin of the reference (a single bin where there is none), ``names`` are the symbols
    with at least one score, ``excluded`` how many rows had no score of the model itself (fallbacks and skips).
    """

    counts: I8Array
    names: set[str] = field(default_factory=set)
    excluded: int = 0


class ScoreCounts:
    """Counts of scores by (series, session); any order of arrival leads to the same state."""

    def __init__(self) -> None:
        self._days: dict[tuple[Series, int], DayCounts] = {}

    def add(
        self, key: tuple[Series, int], symbols: Sequence[str], scores: F8Array, *, reference: Reference | None
    ) -> DayCounts:
        """Count finite scores, shape (n,), of ``symbols`` for (series, session); return that day's counts."""
        edges = np.array(reference.edges if reference else ())
        day = self._days.get(key)
        if day is None:
            day = self._days[key] = DayCounts(counts=np.zeros(len(edges) + 1, np.int64))
        day.counts += count_into(edges, scores)
        day.names.update(symbols)
        return day

    def sessions(self, last: int) -> set[int]:
        """Sessions up to ``last`` that have counts."""
        return {session for _, session in self._days if session <= last}

    def series(self) -> set[Series]:
        """Series that have counts in an open session."""
        return {series for series, _ in self._days}

    def close(self, session: int) -> dict[Series, DayCounts]:
        """Return and forget the counts of a session."""
        closed = {series: day for (series, at), day in self._days.items() if at == session}
        for series in closed:
            del self._days[series, session]
        return closed

    def snapshot(self) -> list[Any]:
        """State as plain values, in a fixed order."""
        return [
            (series.key, session, day.counts.tolist(), sorted(day.names), day.excluded)
            for (series, session), day in sorted(self._days.items(), key=lambda item: item[0])
        ]

    @classmethod
    def restore(cls, state: list[Any]) -> "ScoreCounts":
        """Inverse of ``snapshot``."""
        held = cls()
        for key, session, counts, names, excluded in state:
            day = DayCounts(counts=np.array(counts, np.int64), names=set(names), excluded=excluded)
            held._days[series_from(tuple(key)), session] = day
        return held
