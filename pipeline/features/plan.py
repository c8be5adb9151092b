"""What has to be computed for some sets at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.features.base import Family
from pipeline.features.catalog import FAMILIES, WARM, FeatureSet
from schemas.fields import I8Array


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What has to be computed for some sets: the families, and where each set finds its columns.

    ``first``: int64 (width, 1), first bar of each computed column; ``warm``: the last bar that can still be part of
    some column's or average's beginning. ``choices``: set name → column indices, None
    where the set is all columns in order.
    """

    families: tuple[Family, ...]
    columns: tuple[str, ...]
    first: I8Array
    warm: int
    choices: dict[str, I8Array | None]


def plan(sets: Sequence[FeatureSet]) -> Plan:
    """Return the plan for ``sets``: each family that they touch, once; this release's before those from outside."""
    wanted = {family.name: family for chosen in sets for family in chosen.families}
    own = [family for family in FAMILIES if wanted.pop(family.name, None) is not None]
    families = (*own, *wanted.values())
    features = [feature for family in families for feature in family.features]
    columns = tuple(feature.name for feature in features)
    choices: dict[str, I8Array | None] = {}
    for chosen in sets:
        picked = [columns.index(name) for name in chosen.names]
        choices[chosen.name] = None if chosen.names == columns else np.array(picked, dtype=np.int64)
    return Plan(
        families=families,
        columns=columns,
        first=np.array([[feature.first] for feature in features], dtype=np.int64),
        warm=max(WARM, *(feature.first for feature in features)),
        choices=choices,
    )
