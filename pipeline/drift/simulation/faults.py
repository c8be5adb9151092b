"""What can go wrong with a model, at a known session."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from pipeline.drift.simulation.features import NAMES, binned
from pipeline.drift.simulation.market import F4Array
from pipeline.drift.simulation.world import Tables, World, changed, labels_of, score_counts, with_labels

#: Sessions by which delayed labels come later.
DELAY = 15
#: Feature that is struck where none is named.
STRUCK = "own_0"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """``says``: what happens. ``lost``: share of the IC that is gone, for the cost; None where labels decide."""

    name: str
    says: str
    lost: float
    labels: bool = False


#: Faults by name; ``labels``: seen in labels only, so they count from the first label wholly after the fault.
FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        one.name: one
        for one in (
            Fault(name="ic_halves", says="returns keep half of what the score knew", lost=0.5, labels=True),
            Fault(name="ic_zero", says="returns keep nothing of what the score knew", lost=1.0, labels=True),
            Fault(name="feature_frozen", says="a feature stays what it was, name by name", lost=0.0),
            Fault(name="feature_shifted", says="a feature grows by its standard deviation in training", lost=0.0),
            Fault(name="feature_scaled", says="a feature doubles", lost=0.0),
            Fault(name="feed_late", says="features and scores are those of the session before", lost=0.05),
            Fault(name="labels_delayed", says=f"labels come {DELAY} sessions later than before", lost=0.0, labels=True),
        )
    }
)


def parse_fault(text: str) -> tuple[Fault, str]:
    """A fault and the feature it strikes, from ``NAME`` or ``NAME:FEATURE``. Raises ValueError for anything else.

    >>> parse_fault("feature_shifted:volatility_2")[1]
    'volatility_2'
    """
    name, _, struck = text.partition(":")
    if name not in FAULTS:
        raise ValueError(f"fault {text!r}: expected one of {', '.join(FAULTS)}")
    if struck and (struck not in NAMES or not name.startswith("feature_")):
        raise ValueError(f"fault {text!r}: a feature fault may name a feature of {', '.join(NAMES)}")
    return FAULTS[name], struck or STRUCK


def broken(world: World, fault: Fault, struck: str, at: int, length: int) -> Tables:
    """Tables of a world in which the fault strikes at live session ``at``, for ``length`` sessions."""
    start = world.scenario.training + at
    return _MAKERS[fault.name](world, fault, struck, slice(start, min(start + length, world.scenario.total)))


def _coefficient(world: World, fault: Fault, _: str, span: slice) -> Tables:
    returns = world.market.returns.copy()
    returns[span.start :] -= np.float32(fault.lost) * world.market.signal[span.start :]
    later = labels_of(world.scenario, returns, world.market.scores, world.presence, span)
    return with_labels(world.tables, changed(world.tables.labels, span.start, later))


def _feature(world: World, fault: Fault, struck: str, span: slice) -> Tables:
    values = world.values(struck)
    there = world.presence.there
    later = _STRUCK[fault.name](values, span, world.scenario.training)
    features = world.tables.features.copy()
    features[span, NAMES.index(struck)] = binned(later, None if there is None else there[span])
    return replace(world.tables, features=features)


def _frozen(values: F4Array, span: slice, _: int) -> F4Array:
    return np.repeat(values[span.start - 1 : span.start], span.stop - span.start, axis=0)


def _shifted(values: F4Array, span: slice, training: int) -> F4Array:
    return values[span] + np.float32(np.std(values[:training], dtype=np.float64))


def _scaled(values: F4Array, span: slice, _: int) -> F4Array:
    return values[span] * np.float32(2)


def _feed_late(world: World, _: Fault, __: str, span: slice) -> Tables:
    """Counts move on by a session; so do the scores that labels are joined with."""
    before = slice(span.start - 1, span.stop - 1)
    there = world.presence.there
    scores = world.market.scores.copy()
    scores[span] = world.market.scores[before]
    features = world.tables.features.copy()
    features[span] = world.tables.features[before]
    counted = world.tables.scores.copy()
    counted[span, 0] = score_counts(world.edges, scores[span], None if there is None else there[span])
    later = labels_of(world.scenario, world.market.returns, scores, world.presence, span)
    return Tables(features=features, scores=counted, labels=changed(world.tables.labels, span.start, later))


def _labels_delayed(world: World, _: Fault, __: str, span: slice) -> Tables:
    labels = {}
    for name, daily in world.tables.labels.items():
        moved = daily.copy()
        moved[span.start : span.start + DELAY] = np.nan
        moved[span.start + DELAY :] = daily[span.start : -DELAY]
        labels[name] = moved
    return with_labels(world.tables, labels)


_STRUCK: Mapping[str, Callable[[F4Array, slice, int], F4Array]] = MappingProxyType(
    {"feature_frozen": _frozen, "feature_shifted": _shifted, "feature_scaled": _scaled}
)
_MAKERS: Mapping[str, Callable[[World, Fault, str, slice], Tables]] = MappingProxyType(
    {
        "ic_halves": _coefficient, "ic_zero": _coefficient, "feature_frozen": _feature, "feature_shifted": _feature,
        "feature_scaled": _feature, "feed_late": _feed_late, "labels_delayed": _labels_delayed,
    }
)  # fmt: skip
