"""Distributions of features by session, added up over the partitions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from schemas.fields import I8Array
from schemas.predictions import FeatureStats

#: A set on an interval: (feature set, version, interval).
SetKey = tuple[str, int, str]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SetDay:
    """One set on one session: ``counts`` (features, bins), and those of the last session before that had any."""

    names: tuple[str, ...]
    counts: I8Array
    before: I8Array | None


class StatisticsUnusable(ValueError):
    """A partition's statistics don't fit to those of the others."""


class FeatureDays:
    """Counts by (set, session): counts add, so any order of partitions leads to the same state.

    For each set the counts of its last closed session are kept: churn compares with them. A set whose features change
    under one version (a code change that should have raised it) begins anew.
    """

    def __init__(self) -> None:
        self._open: dict[tuple[SetKey, int], tuple[tuple[str, ...], I8Array]] = {}
        self._last: dict[SetKey, tuple[tuple[str, ...], I8Array]] = {}

    def add(self, stats: FeatureStats) -> None:
        """Take one partition's counts of a session; raises StatisticsUnusable, and takes nothing, if they don't fit."""
        key = ((stats.feature_set, stats.set_version, stats.interval), stats.session)
        names, counts = self._open.get(key, (stats.features, np.zeros_like(stats.counts)))
        if names != stats.features or counts.shape != stats.counts.shape:
            raise StatisticsUnusable(
                f"statistics of {stats.feature_set} version {stats.set_version}, session {stats.session}, have other "
                f"features on partition {stats.source_partition} than on the ones before: raise the set's version"
            )
        self._open[key] = (names, counts + stats.counts)

    def sessions(self, last: int) -> set[int]:
        """Sessions up to ``last`` that have counts."""
        return {session for _, session in self._open if session <= last}

    def close(self, session: int) -> Mapping[SetKey, SetDay]:
        """Return and forget the counts of a session; call in ascending order."""
        closed = {}
        for key in sorted(one for one, at in self._open if at == session):
            names, counts = self._open.pop((key, session))
            last = self._last.get(key)
            comparable = last is not None and last[0] == names and last[1].shape == counts.shape
            closed[key] = SetDay(names=names, counts=counts, before=last[1] if last and comparable else None)
            self._last[key] = (names, counts)
        return closed

    def snapshot(self) -> dict[str, Any]:
        """State as plain values, in a fixed order."""
        return {
            "open": [
                (*key, session, names, counts.tolist()) for (key, session), (names, counts) in sorted(
                    self._open.items(), key=lambda item: item[0]
                )
            ],
            "last": [
                (*key, names, counts.tolist())
                for key, (names, counts) in sorted(self._last.items(), key=lambda item: item[0])
            ],
        }  # fmt: skip

    @classmethod
    def restore(cls, state: dict[str, Any]) -> "FeatureDays":
        """Inverse of ``snapshot``."""
        held = cls()
        for feature_set, version, interval, session, names, counts in state["open"]:
            held._open[(feature_set, version, interval), session] = (tuple(names), np.array(counts, np.int64))
        for feature_set, version, interval, names, counts in state["last"]:
            held._last[feature_set, version, interval] = (tuple(names), np.array(counts, np.int64))
        return held
