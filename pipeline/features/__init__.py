"""The features: one file per family, one ordered table, and the sets that models name."""

import hashlib
from dataclasses import dataclass

import numpy as np

from pipeline.features import (
    bollinger,
    commodity_channel,
    directional,
    drawdown,
    log_returns,
    momentum,
    money_flow,
    moving_average,
    on_balance,
    range_volatility,
    relative_strength,
    stochastic,
    true_range,
    volume,
)
from pipeline.features.base import Family, Feature
from schemas.fields import I8Array

#: Every family, in the order of the columns.
FAMILIES: tuple[Family, ...] = (
    log_returns.FAMILY,
    range_volatility.FAMILY,
    drawdown.FAMILY,
    momentum.FAMILY,
    volume.FAMILY,
    bollinger.FAMILY,
    moving_average.FAMILY,
    relative_strength.FAMILY,
    true_range.FAMILY,
    directional.FAMILY,
    on_balance.FAMILY,
    stochastic.FAMILY,
    commodity_channel.FAMILY,
    money_flow.FAMILY,
)
#: Every feature, in the order of the columns.
CORE: tuple[Feature, ...] = tuple(feature for family in FAMILIES for feature in family.features)
#: Bars after which no feature is warming up any more.
WARM: int = max(feature.first for feature in CORE)


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureSet:
    """An ordered choice of features under a name and a version.

    ``hash`` covers names, order, definitions and family versions: equal hashes mean equal columns. ``warm_up`` is
    the index of the first bar at which a symbol is published.
    """

    name: str
    version: int
    features: tuple[Feature, ...]
    hash: str
    warm_up: int

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(feature.name for feature in self.features)

    @property
    def recursive(self) -> bool:
        """True if some column depends on all bars since the first: no finite look-back warms the set up."""
        return any(feature.recursive for feature in self.features)


def feature_set(name: str, version: int, names: tuple[str, ...]) -> FeatureSet:
    """Build a set from column names; raises KeyError naming a column that doesn't exist."""
    table = {feature.name: (family, feature) for family in FAMILIES for feature in family.features}
    unknown = [column for column in names if column not in table]
    if unknown:
        raise KeyError(f"unknown feature {unknown[0]!r}; known: {', '.join(table)}")
    text = "\n".join(
        f"{feature.name}|{feature.first}|{feature.definition}|{family.name}|{family.version}"
        for family, feature in (table[column] for column in names)
    )
    features = tuple(table[column][1] for column in names)
    return FeatureSet(
        name=name,
        version=version,
        features=features,
        hash=hashlib.sha256(f"{name}|{version}\n{text}".encode()).hexdigest()[:16],
        warm_up=max(feature.first for feature in features),
    )


_MINIMAL = ("logret_1", "logret_5", "logret_20", "ret_mean_20", "ret_std_20", "realized_vol_20", "parkinson_20",
            "max_drawdown_20", "momentum_pct_10", "volume_z_20", "vwap_gap_20", "bb_percent_b_20_2")  # fmt: skip

#: Set name → set. ``core`` is everything; ``minimal`` has no recursive column, so a finite look-back warms it up.
FEATURE_SETS: dict[str, FeatureSet] = {
    "core": feature_set("core", 1, tuple(feature.name for feature in CORE)),
    "minimal": feature_set("minimal", 1, _MINIMAL),
}


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


def plan(sets: tuple[FeatureSet, ...]) -> Plan:
    """Return the plan for ``sets``: each family that they touch, once."""
    wanted = {name for chosen in sets for name in chosen.names}
    families = tuple(family for family in FAMILIES if wanted & {feature.name for feature in family.features})
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
        warm=WARM,
        choices=choices,
    )
