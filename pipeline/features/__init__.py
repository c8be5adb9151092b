"""The features: one file per family, one per set, and the tables of both.

The families stand in ``catalog.FAMILIES``, in the order of the columns; the sets that models name in
``FEATURE_SETS``. Sets from outside the repository come in by ``install``, once, when a process begins.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from pipeline.features.catalog import CORE, FAMILIES, WARM, FeatureSet, feature_set
from pipeline.features.plan import Plan, plan
from pipeline.features.sets import core, minimal

__all__ = ["CORE", "FAMILIES", "FEATURE_SETS", "WARM", "FeatureSet", "Plan", "feature_set", "install", "plan"]

_SETS: dict[str, FeatureSet] = {
    "core": core.SET,
    "minimal": minimal.SET,
}
#: Set name → set. ``core`` is everything; ``minimal`` has no recursive column, so a finite look-back warms it up.
FEATURE_SETS: Mapping[str, FeatureSet] = MappingProxyType(_SETS)


def install(sets: Iterable[FeatureSet]) -> None:
    """Add sets from outside the repository to ``FEATURE_SETS``; to be called at the edge, before engines are made.

    The same set again changes nothing. Raises ValueError, with nothing added, for a name that is taken by another
    set, a family whose name is taken by another family, a column that another family has as well.
    """
    known = dict(_SETS)
    families = {one.name: one for chosen in known.values() for one in chosen.families}
    columns = {feature.name: one.name for one in families.values() for feature in one.features}
    for chosen in sets:
        if known.setdefault(chosen.name, chosen).hash != chosen.hash:
            raise ValueError(f"feature set {chosen.name!r} exists with other columns; choose another name")
        for family in chosen.families:
            if families.setdefault(family.name, family) is not family:
                raise ValueError(f"a family {family.name!r} exists; choose another name")
            for feature in family.features:
                owner = columns.setdefault(feature.name, family.name)
                if owner != family.name:
                    raise ValueError(f"families {owner} and {family.name} both have a column {feature.name!r}")
    _SETS.update(known)
