"""Every family of this release in the order of the columns, and how a set is chosen from them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

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
#: Bars after which no feature of this release is warming up any more.
WARM: int = max(feature.first for feature in CORE)


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureSet:
    """An ordered choice of features under a name and a version.

    ``families``: those that compute the columns, in the order in which they are computed. ``hash`` covers names,
    order, definitions and family versions: equal hashes mean equal columns. ``warm_up`` is the index of the first
    bar at which a symbol is published.
    """

    name: str
    version: int
    features: tuple[Feature, ...]
    hash: str
    warm_up: int
    families: tuple[Family, ...] = field(repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(feature.name for feature in self.features)

    @property
    def recursive(self) -> bool:
        """True if some column depends on all bars since the first: no finite look-back warms the set up."""
        return any(feature.recursive for feature in self.features)


def feature_set(name: str, version: int, names: Sequence[str], extra: Sequence[Family] = ()) -> FeatureSet:
    """Build a set from column names, of this release's families and of ``extra`` ones.

    Raises KeyError naming a column that doesn't exist, ValueError for one that exists or is named twice, or for none.

    >>> feature_set("pair", 1, ("rsi_14", "logret_1")).warm_up
    14
    """
    families = (*FAMILIES, *extra)
    table: dict[str, tuple[Family, Feature]] = {}
    for family in families:
        for feature in family.features:
            if feature.name in table:
                raise ValueError(f"families {table[feature.name][0].name} and {family.name} both have {feature.name!r}")
            table[feature.name] = family, feature
    unknown = [column for column in names if column not in table]
    if unknown:
        raise KeyError(f"unknown feature {unknown[0]!r}; known: {', '.join(table)}")
    if not names or len(set(names)) < len(names):
        raise ValueError(f"feature set {name!r} must name at least one column, and each once; got {', '.join(names)}")
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
        families=tuple(one for one in families if {feature.name for feature in one.features} & set(names)),
    )
