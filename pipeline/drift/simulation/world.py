"""One simulated model: drawn from a seed, counted as the agents count, turned into what a policy sees."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator, SeedSequence, default_rng

from pipeline.drift.population_stability import reference_of
from pipeline.drift.simulation.count_measures import measured, previous
from pipeline.drift.simulation.features import NAMES, binned, feature
from pipeline.drift.simulation.history import FeatureHistory, History
from pipeline.drift.simulation.label_measures import daily, label_values
from pipeline.drift.simulation.market import F4Array, Market, market
from pipeline.drift.simulation.presence import Presence, presence
from pipeline.drift.simulation.reference import training_reference
from pipeline.drift.simulation.scenario import Scenario
from pipeline.drift.training_reference import TrainingReference
from schemas.fields import BoolArray, F8Array, I8Array

#: Session number of the first live session, days since the epoch.
FIRST = 20_000


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Tables:
    """What was counted by session, training included: ``features`` (sessions, features, BINS), ``scores`` (sessions,
    1, bins), ``labels``: metric → (sessions,).
    """

    features: I8Array
    scores: I8Array
    labels: dict[str, F8Array]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class World:
    """A model's raw history and its counts; the same for the same ``scenario``, seed and number of the model."""

    scenario: Scenario
    streams: tuple[SeedSequence, ...]
    market: Market
    presence: Presence
    edges: F8Array
    tables: Tables
    reference: TrainingReference

    def values(self, name: str) -> F4Array:
        """Values (sessions, names) of a feature, drawn anew: keeping all of them would take too much memory."""
        return feature(name, self.stream(name), self.market)

    def stream(self, name: str) -> Generator:
        """The random numbers of a feature."""
        return default_rng(self.streams[2 + NAMES.index(name)])

    def history(self, tables: Tables | None = None, *, start: int = 0, length: int | None = None) -> History:
        """Live sessions from the ``start``-th on, ``length`` of them, of these tables or as they were drawn."""
        tables = tables or self.tables
        first = self.scenario.training + start
        stop = self.scenario.total if length is None else min(first + length, self.scenario.total)
        span = slice(first, stop)
        is_open = self.presence.open
        labels = label_values({name: one[:stop] for name, one in tables.labels.items()}, first, self.reference.hit_rate)
        assert self.reference.features is not None
        assert self.reference.sketch is not None
        before = previous(tables.features[:stop], is_open[:stop])[span]
        psi, p, shape, known = measured(
            self.reference.features.counts, tables.features[span], before, lean=self.scenario.lean
        )
        earlier = previous(tables.scores[:stop], is_open[:stop])[span]
        sketch = np.array(self.reference.sketch.counts, np.int64)[None, :]
        score_psi, _, score_shape, score_known = measured(sketch, tables.scores[span], earlier, lean=True)
        enough = score_known[:, 0, 0]
        return History(
            reference=self.reference,
            sessions=np.arange(FIRST + start, FIRST + start + stop - first),
            open=is_open[span],
            predicted=is_open[span],
            values={**labels, "psi": np.where(enough, score_psi[:, 0], np.nan)},
            score_shape=score_shape[:, 0],
            score_known=score_known[:, 0],
            features=FeatureHistory(
                names=NAMES, values={"feature_psi": psi, "feature_ks_p": p}, known=known[:, :, 0], shape=shape,
                shape_known=known,
            ),
        )  # fmt: skip


def world(scenario: Scenario, seed: int, number: int) -> World:
    """Draw the ``number``-th model of a seed."""
    streams = tuple(SeedSequence([seed, number]).spawn(2 + len(NAMES)))
    drawn = market(default_rng(streams[0]), scenario)
    there = presence(default_rng(streams[1]), scenario)
    training = slice(0, scenario.training)
    held_out = slice(scenario.training - scenario.held_out, scenario.training)
    sketch = reference_of(drawn.scores[training].astype(np.float64).reshape(-1))
    edges = np.array(sketch.edges)
    counts = [
        binned(feature(name, default_rng(stream), drawn), there.there)
        for name, stream in zip(NAMES, streams[2:], strict=True)
    ]
    tables = Tables(
        features=np.stack(counts, axis=1),
        scores=score_counts(edges, drawn.scores, there.there)[:, None, :],
        labels=labels_of(scenario, drawn.returns, drawn.scores, there, slice(0, scenario.total)),
    )
    reference = training_reference(
        sketch, tables.features[training], tables.scores[training],
        {name: one[held_out] for name, one in tables.labels.items()}, horizon=scenario.horizon,
    )  # fmt: skip
    return World(
        scenario=scenario, streams=streams, market=drawn, presence=there, edges=edges, tables=tables,
        reference=reference,
    )  # fmt: skip


def score_counts(edges: F8Array, scores: F4Array, there: BoolArray | None) -> I8Array:
    """Counts (sessions, bins) of scores (sessions, names)."""
    bins = len(edges) + 1
    places = np.searchsorted(edges.astype(np.float32), scores, side="right") + np.arange(len(scores))[:, None] * bins
    flat = places.reshape(-1) if there is None else places[there]
    return np.bincount(flat, minlength=len(scores) * bins).reshape(len(scores), bins)


def labels_of(
    scenario: Scenario, returns: F4Array, scores: F4Array, there: Presence, span: slice
) -> dict[str, F8Array]:
    """Daily figures of the labels that mature in the sessions of ``span``; ``scores`` are those of each session."""
    horizon = scenario.horizon
    total = np.cumsum(returns[: span.stop], axis=0, dtype=np.float64)
    labels, known = np.full(total.shape, np.nan), np.zeros(total.shape)
    labels[horizon:] = total[horizon:] - total[:-horizon]
    known[horizon:] = scores[: span.stop][:-horizon]
    labelled = there.labelled
    if labelled is not None and there.there is not None:
        labelled = labelled.copy()
        labelled[horizon:] &= there.there[:-horizon]
        labelled = labelled[span]
    return daily(known[span], labels[span], labelled, horizon, lean=scenario.lean)


def changed(labels: dict[str, F8Array], start: int, later: dict[str, F8Array]) -> dict[str, F8Array]:
    """Daily figures with those from session ``start`` on replaced."""
    stop = start + len(next(iter(later.values())))
    return {name: np.concatenate([one[:start], later[name], one[stop:]]) for name, one in labels.items()}


def with_labels(tables: Tables, labels: dict[str, F8Array]) -> Tables:
    """The tables with other daily figures."""
    return replace(tables, labels=labels)
