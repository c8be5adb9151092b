"""What every feature set must hold, whoever wrote it: declarations that are true, and the same bits in every course.

Each check computes seeded bars in two ways and compares. A finding names the check, the column and the first bar.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from pipeline import engine_snapshot
from pipeline.engine import PartitionEngine
from pipeline.engine_types import EngineConfig
from pipeline.features import FeatureSet
from pipeline.lookahead import Facts, Statements, check_lookahead, engine_subject, sample_facts
from pipeline.lookahead.subjects import log_of, set_statements
from pipeline.series import Series, columns_of
from schemas.features import FeatureBatch
from schemas.fields import F8Array, I8Array

_SEED = 20_240


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Something that a set doesn't hold."""

    check: str
    feature: str
    detail: str


def check_set(chosen: FeatureSet) -> tuple[Finding, ...]:
    """Run every check over a set; empty if it holds all of them."""
    declared = tuple(_declarations(chosen))
    if declared:
        return declared
    bars = sample_series(chosen.warm_up + 90)
    checks: tuple[Callable[[FeatureSet, Series], Iterator[Finding]], ...] = (
        _warm_up, _look_back, _missing_volume, _units,
    )  # fmt: skip
    found = [finding for check in checks for finding in check(chosen, bars)]
    facts = sample_facts(_SEED, bars=chosen.warm_up + 80, symbols=3)
    return (
        *found,
        *_courses(chosen, _undisturbed(facts)),
        *_splits(chosen, _undisturbed(facts)),
        *_future(chosen, facts),
    )


def sample_series(bars: int) -> Series:
    """One symbol's seeded bars with moves, ties and whole volumes."""
    rng = np.random.default_rng(_SEED)
    close = np.round(60.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, bars))), 2)
    opening = np.concatenate([close[:1], close[:-1]])
    reach = np.round(rng.random((2, bars)) * 0.4, 2)
    return {
        "open": opening,
        "high": np.maximum(opening, close) + reach[0],
        "low": np.minimum(opening, close) - reach[1],
        "close": close,
        "volume": np.floor(rng.uniform(1.0, 5_000.0, bars)),
    }


def _declarations(chosen: FeatureSet) -> Iterator[Finding]:
    for feature in chosen.features:
        if feature.first < 0 or not feature.definition.strip():
            detail = f"needs a first bar of at least 0 and a definition, has {feature.first} and {feature.definition!r}"
            yield Finding(check="declaration", feature=feature.name, detail=detail)


def _warm_up(chosen: FeatureSet, bars: Series) -> Iterator[Finding]:
    """The first bar with a value is the declared one."""
    (made,) = columns_of([bars], chosen)
    for feature in chosen.features:
        valued = np.flatnonzero(~np.isnan(made[feature.name]))
        first = int(valued[0]) if valued.shape[0] else None
        if first != feature.first:
            where = "no value at all" if first is None else f"its first value is at bar {first}"
            yield Finding(check="warm_up", feature=feature.name, detail=f"declared from bar {feature.first}, {where}")


def _look_back(chosen: FeatureSet, bars: Series) -> Iterator[Finding]:
    """A column that isn't recursive has the same bits when the history before its warm-up is missing."""
    begin = 17
    whole, late = columns_of([bars, {name: column[begin:] for name, column in bars.items()}], chosen)
    for feature in chosen.features:
        if feature.recursive:
            continue
        at = _first_difference(whole[feature.name][begin + feature.first :], late[feature.name][feature.first :])
        if at is not None:
            detail = f"{feature.first + at} bars after a later start it differs: declare it recursive"
            yield Finding(check="look_back", feature=feature.name, detail=detail)


def _missing_volume(chosen: FeatureSet, bars: Series) -> Iterator[Finding]:
    """What changes with a volume is undefined while that volume is missing."""
    at = chosen.warm_up + 15
    other, missing = bars["volume"].copy(), bars["volume"].copy()
    other[at], missing[at] = other[at] * 3.0 + 1.0, np.nan
    whole, changed, without = columns_of([bars, {**bars, "volume": other}, {**bars, "volume": missing}], chosen)
    for name in chosen.names:
        depends = _bits(whole[name]) != _bits(changed[name])
        wrong = np.flatnonzero(depends & ~np.isnan(without[name]))
        if wrong.shape[0]:
            detail = f"depends on the volume of bar {at}, and has a value at bar {wrong[0]} when that is missing"
            yield Finding(check="missing_volume", feature=name, detail=detail)


def _units(chosen: FeatureSet, bars: Series) -> Iterator[Finding]:
    """A comparable column doesn't change with the units of price and volume."""
    factors = {name: 8.0 if name == "volume" else 4.0 for name in bars}
    ours, theirs = columns_of([bars, {name: column * factors[name] for name, column in bars.items()}], chosen)
    for feature in chosen.features:
        if feature.comparable and not _alike(ours[feature.name], theirs[feature.name]):
            detail = "changes with the unit of price or volume: declare it not comparable"
            yield Finding(check="units", feature=feature.name, detail=detail)


def _courses(chosen: FeatureSet, facts: Facts) -> Iterator[Finding]:
    """The same bits one symbol after the other, in another order, again, and through a snapshot."""
    names = facts.symbol.astype(str)
    _, codes = np.unique(names, return_inverse=True)
    expected = _rows(chosen, facts)
    courses: dict[str, Callable[[], Statements]] = {
        "batching": lambda: _rows(chosen, facts.take(np.lexsort((facts.event_time, names)))),
        "order": lambda: _rows(chosen, facts.take(np.lexsort((-codes, facts.event_time)))),
        "repetition": lambda: _rows(chosen, facts),
        "snapshot": lambda: _rows(chosen, facts, through_snapshot=True),
    }
    for check, course in courses.items():
        found = course().in_order()
        same = found.event_time.shape == expected.event_time.shape
        for place, name in enumerate(chosen.names):
            at = _first_difference(expected.values[:, place], found.values[:, place]) if same else 0
            if at is not None:
                detail = (
                    f"other bits for {expected.symbol[at]} at {expected.event_time[at]}: a value may depend only on "
                    "its own symbol's bars and on `state`"
                )
                yield Finding(check=check, feature=name, detail=detail)


def _undisturbed(facts: Facts) -> Facts:
    """First publications only, each known at its close: one batch for a cross-section."""
    first = facts.take(facts.revision == 0)
    known = replace(first, available_time=first.event_time)
    return known.take(np.lexsort((known.symbol.astype(str), known.event_time)))


def _rows(chosen: FeatureSet, facts: Facts, *, through_snapshot: bool = False) -> Statements:
    """The set's vectors of facts that come as batches of what stands side by side with one time."""
    engine = _engine(chosen)
    log = list(log_of(facts))
    made: list[FeatureBatch] = []
    for offset, message in enumerate(log):
        if through_snapshot and offset == len(log) * 2 // 3:
            blob, engine = engine.snapshot(), _engine(chosen)
            engine_snapshot.load(engine, blob)
        made += [one for one in engine.step(message, offset).features if isinstance(one, FeatureBatch)]
    return set_statements(chosen, made).in_order()


def _engine(chosen: FeatureSet) -> PartitionEngine:
    return PartitionEngine(EngineConfig(partition=0, partitions=1, feature_sets=(chosen.name,)), (chosen,))


def _splits(chosen: FeatureSet, facts: Facts) -> Iterator[Finding]:
    """After a split every column is what the history in new shares gives: the state's scales are declared right."""
    (split,) = facts.splits
    old = (facts.symbol == split.symbol) & (facts.event_time <= split.effective_time)
    factor = np.where(old, split.factor, 1.0)
    adjusted = replace(
        facts,
        splits=(),
        open=facts.open / factor,
        high=facts.high / factor,
        low=facts.low / factor,
        close=facts.close / factor,
        volume=facts.volume * factor,
    )
    ours, theirs = _rows(chosen, facts), _rows(chosen, adjusted)
    rows = (ours.symbol == split.symbol) & (ours.event_time > split.effective_time)
    for place, name in enumerate(chosen.names):
        if not _alike(ours.values[rows, place], theirs.values[rows, place]):
            detail = "after a split it isn't what adjusted history gives: look at the scales of its state"
            yield Finding(check="splits", feature=name, detail=detail)


def _future(chosen: FeatureSet, facts: Facts) -> Iterator[Finding]:
    """Nothing that was said moves with what came later."""
    for verdict in check_lookahead(engine_subject((chosen,), horizons=(1,)), facts, seed=_SEED):
        if verdict.kind == "feature" and not verdict.passed:
            leak = verdict.leak
            detail = (
                "nothing could be compared"
                if leak is None
                else (
                    f"{leak.symbol} at {leak.event_time} moved with a later bar: {leak.before!r} became {leak.after!r}"
                )
            )
            yield Finding(check="look_ahead", feature=verdict.name, detail=detail)


def _bits(values: F8Array) -> I8Array:
    """Bits of values, every *undefined* alike."""
    return np.where(np.isnan(values), np.nan, values).view(np.int64)


def _first_difference(one: F8Array, two: F8Array) -> int | None:
    """Place of the first value that differs in a bit."""
    places = np.flatnonzero(_bits(np.ascontiguousarray(one)) != _bits(np.ascontiguousarray(two)))
    return int(places[0]) if places.shape[0] else None


def _alike(one: F8Array, two: F8Array) -> bool:
    """Equal within 1e-9 of each value and of the column's largest, and undefined at the same places."""
    largest = float(np.nanmax(np.abs(two), initial=0.0, where=~np.isnan(two)))
    return bool(np.allclose(one, two, rtol=1e-9, atol=1e-9 * largest, equal_nan=True))
