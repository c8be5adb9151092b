"""The answer of a read: one row per pair asked for, in columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from infra.feature_store.pairs import Pairs
from schemas.fields import BoolArray, F8Array, I8Array

#: Whose knowledge is meant by *known as of T*: ``ingested``, what this store held at T (available and stored by
#: then); ``available``, what the world could know at T, whenever it was stored.
Knowledge = Literal["ingested", "available"]
KNOWLEDGE: tuple[Knowledge, ...] = ("ingested", "available")


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureFrame:
    """Features as they were known at each pair's as-of time; row i answers pair i.

    ``values`` float64 (n, k), 0 where ``valid`` (bool, same shape) is False: nothing was known, it was older than the
    staleness limit, or the feature was undefined. JSON features have their documents in ``documents`` (feature →
    n documents, None where not valid) and 0 in ``values``.

    A feature set's vector is one *source*, a feature with rows of its own another: ``source`` int64 (k,) says which
    one a column comes from. Per row and source, ns UTC, int64 (n, sources), 0 where nothing was known:
    ``source_event_time``, ``source_available_time``; and ``source_revision``, -1 there.

    ``final``: no transaction that is still open can add to what was known at the latest as-of time. Never True under
    ``knowledge="available"``: a later backfill may always add to that.
    """

    pairs: Pairs
    features: tuple[str, ...]
    values: F8Array
    valid: BoolArray
    documents: Mapping[str, tuple[Any, ...]]
    source: I8Array
    source_event_time: I8Array
    source_available_time: I8Array
    source_revision: I8Array
    knowledge: Knowledge
    final: bool
    feature_set: str
    feature_version: int
    interval: str

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def entities(self) -> list[str]:
        """Entity of each row."""
        return [self.pairs.entities[code] for code in self.pairs.codes]

    @property
    def as_of(self) -> I8Array:
        """As-of time of each row, int64 (n,), ns UTC."""
        return self.pairs.as_of

    @property
    def event_time(self) -> I8Array:
        """Newest event time in each row, int64 (n,), ns UTC; 0 where nothing was known."""
        return np.asarray(self.source_event_time.max(axis=1), dtype=np.int64)

    @property
    def available_time(self) -> I8Array:
        """When the last part of each row became available, int64 (n,), ns UTC; 0 where nothing was known."""
        return np.asarray(self.source_available_time.max(axis=1), dtype=np.int64)

    @property
    def known(self) -> BoolArray:
        """Rows of which anything was known, bool (n,)."""
        return np.asarray((self.source_revision >= 0).any(axis=1), dtype=np.bool_)

    def column(self, feature: str) -> tuple[F8Array, BoolArray]:
        """Values and validity of one feature, each (n,); KeyError naming a feature that was not asked for."""
        if feature not in self.features:
            raise KeyError(f"{feature!r} was not asked for; columns: {', '.join(self.features)}")
        place = self.features.index(feature)
        return self.values[:, place], self.valid[:, place]
