"""What the store has: feature sets of the engine, and features with rows of their own."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from infra.feature_store.errors import InvalidRequest, unknown
from infra.warehouse.connection import Connection
from infra.warehouse.queries import queries
from schemas.fields import I8Array
from schemas.intervals import INTERVALS


@dataclass(frozen=True, kw_only=True)
class StoredSet:
    """A registered feature set: its columns in order, and the hash over their definitions."""

    hash: str
    features: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """Everything that is registered. sets: (name, version) → set; values: (name, version) → ``double`` or ``json``."""

    sets: dict[tuple[str, int], StoredSet]
    values: dict[tuple[str, int], str]

    @classmethod
    def read(cls, connection: Connection) -> "Catalog":
        """The catalogue as it stands."""
        named = queries("point_in_time")
        sets = connection.execute(named["sets"]).fetchall()
        values = connection.execute(named["definitions"]).fetchall()
        return cls(
            sets={(name, version): StoredSet(hash=hash_, features=tuple(has)) for name, version, hash_, has in sets},
            values={(name, version): kind for name, version, kind in values},
        )

    def find_set(self, name: str, version: int) -> StoredSet:
        """The set; UnknownFeature naming the closest ones, or the versions that there are."""
        found = self.sets.get((name, version))
        if found is not None:
            return found
        versions = sorted(number for known, number in self.sets if known == name)
        if versions:
            raise unknown("version", str(version), map(str, versions), f"feature set {name}")
        raise unknown("feature set", name, (known for known, _ in self.sets), "the feature store")


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Where the features asked for lie.

    ``vector``: their places in the set's vector, ``vector_columns`` int64 the columns of the answer that these are;
    ``doubles`` and ``documents``: names of the features with rows of their own, by type.
    """

    features: tuple[str, ...]
    feature_set: str
    version: int
    interval: str
    vector: tuple[int, ...]
    vector_columns: I8Array
    doubles: tuple[str, ...]
    documents: tuple[str, ...]

    @property
    def sources(self) -> I8Array:
        """Source of each column, int64 (k,): 0 is the set's vector, then doubles, then documents, as they are used."""
        alone = {name: place for place, name in enumerate((*self.doubles, *self.documents), start=bool(self.vector))}
        return np.array([alone.get(name, 0) for name in self.features], dtype=np.int64)


def select(
    catalog: Catalog, features: Sequence[str] | None, feature_set: str, version: int, interval: str
) -> Selection:
    """Find the features; None means all of the set. UnknownFeature names the first that isn't there."""
    if interval not in INTERVALS:
        raise unknown("interval", interval, INTERVALS, "the table of intervals")
    if isinstance(features, str):
        raise InvalidRequest(f"features must be a list of names, got the one text {features!r}")
    alone = {name: kind for (name, known), kind in catalog.values.items() if known == version}
    if features is None or not set(features) <= alone.keys():
        columns = catalog.find_set(feature_set, version).features
    else:
        columns = ()
    wanted = tuple(columns if features is None else features)
    if not wanted:
        raise InvalidRequest("no features: name at least one, or leave them out for all of the set")
    if doubled := [name for place, name in enumerate(wanted) if name in wanted[:place]]:
        raise InvalidRequest(f"feature {doubled[0]!r} is asked for twice")
    place = {name: at for at, name in enumerate(columns)}
    for name in wanted:
        if name not in place and name not in alone:
            raise unknown("feature", name, (*columns, *alone), f"{feature_set} version {version}")
    inside = [(column, place[name]) for column, name in enumerate(wanted) if name in place]
    return Selection(
        features=wanted,
        feature_set=feature_set,
        version=version,
        interval=interval,
        vector=tuple(at for _, at in inside),
        vector_columns=np.array([column for column, _ in inside], dtype=np.int64),
        doubles=tuple(name for name in wanted if name not in place and alone[name] == "double"),
        documents=tuple(name for name in wanted if name not in place and alone[name] == "json"),
    )
