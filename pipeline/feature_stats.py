"""Counts and moments of every feature over one session day on one partition: what drift of features is judged by.

Bins are fixed for all features and for ever, so that counts of partitions, days and models add and compare: edges at
0 and at ±10^(k/4) for k = -24 … 12, outer bins open. Sums run row by row from the session's first to its last, about
the first valid value as origin, so that neither batching nor a large mean changes or spoils them.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from schemas.features import FeatureBatch
from schemas.fields import BoolArray, F8Array, I8Array
from schemas.intervals import session_end, session_of
from schemas.predictions import FeatureStats

_POSITIVE: F8Array = np.power(10.0, np.arange(-24, 13) / 4.0)
#: Inner bin edges, ascending; a value equal to an edge falls into the bin above it.
EDGES: F8Array = np.concatenate([-_POSITIVE[::-1], np.zeros(1), _POSITIVE])
BINS = len(EDGES) + 1

#: Rows that may wait to be added: a log without watermarks must not pile up.
_MOST_WAITING = 100_000

Key = tuple[str, int, str, int]


class Tally:
    """Running counts and sums of ``width`` features; arrays of shape (width,) and (width, BINS)."""

    __slots__ = ("counts", "n", "origin", "squares", "sums")

    def __init__(self, width: int) -> None:
        self.counts: I8Array = np.zeros((width, BINS), dtype=np.int64)
        self.n: I8Array = np.zeros(width, dtype=np.int64)
        self.origin: F8Array = np.zeros(width)
        self.sums: F8Array = np.zeros(width)
        self.squares: F8Array = np.zeros(width)

    def add(self, values: F8Array, valid: BoolArray) -> None:
        """Add rows: ``values`` and ``valid`` of shape (rows, width)."""
        if not len(values):
            return
        fresh = (self.n == 0) & valid.any(axis=0)
        self.origin[fresh] = values[np.argmax(valid, axis=0), np.arange(values.shape[1])][fresh]
        deviation = np.where(valid, values - self.origin, 0.0)
        self.sums = np.add.accumulate(np.vstack([self.sums, deviation]), axis=0)[-1]
        self.squares = np.add.accumulate(np.vstack([self.squares, deviation * deviation]), axis=0)[-1]
        self.n = self.n + np.count_nonzero(valid, axis=0)
        bins = np.searchsorted(EDGES, values, side="right") + np.arange(values.shape[1]) * BINS
        self.counts += np.bincount(bins[valid], minlength=self.counts.size).reshape(self.counts.shape)

    def moments(self) -> tuple[F8Array, F8Array]:
        """Return mean and sum of squared deviations from it, 0 where nothing was valid."""
        n = np.maximum(self.n, 1)
        return self.origin + self.sums / n, np.maximum(self.squares - self.sums * self.sums / n, 0.0)


class SessionStats:
    """Tallies of all sessions still open on one partition. Adding is put off until somebody needs the sums."""

    def __init__(self) -> None:
        self._tallies: dict[Key, Tally] = {}
        self._waiting: list[FeatureBatch] = []
        self._rows = 0

    def add(self, batch: FeatureBatch) -> None:
        """Take a live batch; the work is done by ``settle``, here only once very many rows wait."""
        if batch.symbols:
            self._waiting.append(batch)
            self._rows += len(batch.symbols)
            if self._rows >= _MOST_WAITING:
                self.settle()

    def settle(self) -> None:
        """Add up the batches taken so far."""
        for batch in self._waiting:
            key = (batch.feature_set, batch.set_version, batch.interval, session_of(batch.event_time))
            if key not in self._tallies:
                self._tallies[key] = Tally(batch.width)
            self._tallies[key].add(batch.values, batch.valid)
        self._waiting.clear()
        self._rows = 0

    def close(
        self, partition: int, partition_time: int | None, names: Mapping[str, tuple[str, ...]]
    ) -> list[FeatureStats]:
        """Return, and forget, the statistics of every session that ended at or before ``partition_time``.

        None means that no feed holds anything back: then all sessions close. A session that goes on after its close
        yields another message with the later rows only: counts add. ``names`` gives each set's feature names; a
        set that isn't among them gets the columns' numbers.
        """
        self.settle()
        ended = [key for key in self._tallies if partition_time is None or session_end(key[3]) <= partition_time]
        return [self._message(partition, key, names.get(key[0])) for key in sorted(ended)]

    def _message(self, partition: int, key: Key, names: tuple[str, ...] | None) -> FeatureStats:
        tally = self._tallies.pop(key)
        width = len(tally.n)
        mean, m2 = tally.moments()
        return FeatureStats(
            source_partition=partition,
            feature_set=key[0],
            set_version=key[1],
            interval=key[2],
            session=key[3],
            features=names if names is not None and len(names) == width else tuple(map(str, range(width))),
            bins=BINS,
            inner=BINS - 1,
            edges=np.tile(EDGES, (width, 1)),
            counts=tally.counts,
            n=tally.n,
            mean=mean,
            m2=m2,
        )

    def state(self) -> list[Any]:
        """Return the open tallies as plain values."""
        self.settle()
        return [
            [*key, [getattr(tally, name).tobytes() for name in Tally.__slots__]]
            for key, tally in sorted(self._tallies.items())
        ]

    @classmethod
    def restore(cls, state: list[Any]) -> "SessionStats":
        """Rebuild from ``state()``."""
        stats = cls()
        for feature_set, version, interval, session, columns in state:
            counts, n, origin, squares, sums = columns
            tally = Tally(len(n) // 8)
            tally.counts = np.frombuffer(counts, dtype=np.int64).reshape(-1, BINS).copy()
            tally.n = np.frombuffer(n, dtype=np.int64).copy()
            tally.origin, tally.squares, tally.sums = (
                np.frombuffer(column, dtype=np.float64).copy() for column in (origin, squares, sums)
            )
            stats._tallies[feature_set, version, interval, session] = tally
        return stats
