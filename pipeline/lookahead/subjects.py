"""The computation that runs live, as a subject of the check: every feature of some sets, every label."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pipeline.engine import LogMessage, PartitionEngine
from pipeline.engine_types import EngineConfig
from pipeline.features import FeatureSet
from pipeline.lookahead.facts import Facts
from pipeline.lookahead.statements import Statements, Subject
from schemas.bars import BarBatch, Watermark
from schemas.features import FeatureBatch, ReturnBatch

_FEED = "facts"


def log_of(facts: Facts) -> Iterator[LogMessage]:
    """The log that a feed would have written: what became known, in that order, one batch for what came at once."""
    yield Watermark(feed=_FEED, event_time=0, state="open")
    splits = sorted(facts.splits, key=lambda one: one.available_time)
    keys = np.stack([facts.available_time, facts.event_time, facts.revision])
    changes = (np.diff(keys, axis=1) != 0).any(axis=0)
    for rows in np.split(np.arange(keys.shape[1]), np.flatnonzero(changes) + 1):
        if not rows.shape[0]:
            continue
        while splits and splits[0].available_time <= facts.available_time[rows[0]]:
            yield splits.pop(0)
        volume = facts.volume[rows]
        yield BarBatch(
            feed=_FEED,
            source=_FEED,
            interval=facts.interval,
            event_time=int(facts.event_time[rows[0]]),
            available_time=int(facts.available_time[rows[0]]),
            revision=int(facts.revision[rows[0]]),
            symbols=tuple(facts.symbol[rows].tolist()),
            open=facts.open[rows],
            high=facts.high[rows],
            low=facts.low[rows],
            close=facts.close[rows],
            volume=np.where(np.isnan(volume), 0.0, volume),
            volume_valid=~np.isnan(volume),
        )


def engine_subject(sets: Sequence[FeatureSet], horizons: tuple[int, ...] = (1, 5, 20)) -> Subject:
    """The engine over the log of the facts: a group per set, and one for the returns over each horizon."""
    config = EngineConfig(partition=0, partitions=1, feature_sets=tuple(one.name for one in sets), horizons=horizons)

    def subject(facts: Facts) -> list[Statements]:
        engine = PartitionEngine(config, tuple(sets))
        steps = [engine.step(message, offset) for offset, message in enumerate(log_of(facts))]
        features = [one for step in steps for one in step.features if isinstance(one, FeatureBatch)]
        returns = [one for step in steps for one in step.returns if isinstance(one, ReturnBatch)]
        tables = [set_statements(chosen, features) for chosen in sets]
        return tables + [_of_horizon(horizon, returns) for horizon in horizons]

    return subject


def set_statements(chosen: FeatureSet, batches: Sequence[FeatureBatch]) -> Statements:
    """The vectors of one set among ``batches``, as statements."""
    mine = [one for one in batches if one.feature_set == chosen.name and one.symbols]
    sizes = [len(one.symbols) for one in mine]
    return Statements(
        group=chosen.name,
        kind="feature",
        names=chosen.names,
        symbol=np.array([symbol for one in mine for symbol in one.symbols], dtype=object),
        event_time=np.repeat(np.array([one.event_time for one in mine], dtype=np.int64), sizes),
        known_time=_joined([one.available_time for one in mine], (0,)).astype(np.int64),
        values=_joined([np.where(one.valid, one.values, np.nan) for one in mine], (0, len(chosen.names))),
    )


def _of_horizon(horizon: int, batches: Sequence[ReturnBatch]) -> Statements:
    mine = [one for one in batches if one.horizon == horizon]
    sizes = [len(one.symbols) for one in mine]
    return Statements(
        group=f"return_{horizon}",
        kind="label",
        names=(f"return_{horizon}",),
        symbol=np.array([symbol for one in mine for symbol in one.symbols], dtype=object),
        event_time=_joined([one.prediction_time for one in mine], (0,)).astype(np.int64),
        known_time=np.repeat(np.array([one.available_time for one in mine], dtype=np.int64), sizes),
        values=_joined([one.log_return for one in mine], (0,))[:, None],
    )


def _joined(parts: Sequence[Any], empty: tuple[int, ...]) -> Any:
    return np.concatenate(parts) if parts else np.empty(empty)
