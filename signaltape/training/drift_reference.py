"""What the model's drift will be judged against: distributions by session of what it was trained on, and its daily IC.

Features and scores of all labelled rows enter the bands; only rows that were held out enter the IC.
"""

import math

import numpy as np

from pipeline.drift.bands import INFLATION
from pipeline.drift.direction import DirectionRates, direction_rates
from pipeline.drift.information_coefficient import Correlation, spearman
from pipeline.drift.population_stability import Reference, count_into
from pipeline.drift.training_reference import FeatureReference, TrainingReference, overlap_of, reference_bands
from pipeline.feature_stats import BINS, EDGES
from schemas.fields import F8Array, I8Array
from schemas.intervals import DAY
from signaltape.training.dataset import Rows

#: Names a cross-section needs, and sessions a daily IC's mean and scale need.
LEAST_NAMES = 20
LEAST_SESSIONS = 20


def drift_reference(
    rows: Rows, score: F8Array, held_out: Rows, held_out_score: F8Array, *, sketch: Reference, horizon: int,
    feature_set: str, set_version: int,
) -> TrainingReference:  # fmt: skip
    """Reference from labelled rows with their scores (n,), and the held-out ones among them with theirs."""
    sessions = _session(rows.event_time)
    numbers = np.unique(sessions, return_inverse=True)[1]
    count = int(numbers.max()) + 1 if len(numbers) else 0
    bars = np.median(np.unique(sessions[np.unique(rows.event_time, return_index=True)[1]], return_counts=True)[1])
    counted = _feature_counts(rows, numbers, count)
    scores = np.stack([count_into(np.array(sketch.edges), score[numbers == at])[None, :] for at in range(count)])
    whole = np.array(sketch.counts, np.int64)[None, :]
    ic, scale = _daily_coefficient(held_out, held_out_score)
    rates = direction_rates(held_out_score, held_out.y, minimum=LEAST_NAMES)
    return TrainingReference(
        ic=ic,
        ic_scale=scale,
        hit_rate=rates.accuracy if isinstance(rates, DirectionRates) else None,
        overlap=overlap_of(horizon, float(bars)),
        sketch=sketch,
        score=reference_bands(whole, scores, minimum=LEAST_NAMES, inflation=INFLATION),
        features=FeatureReference(
            feature_set=feature_set,
            set_version=set_version,
            names=rows.features,
            counts=np.add.reduce(counted, axis=0),
            bands=reference_bands(np.add.reduce(counted, axis=0), counted, minimum=LEAST_NAMES, inflation=INFLATION),
        ),
    )


def _session(times: I8Array) -> I8Array:
    return (times - 1) // DAY


def _feature_counts(rows: Rows, numbers: I8Array, sessions: int) -> I8Array:
    """Counts of shape (sessions, features, bins) over the bins of the live statistics."""
    counts = np.zeros((sessions, len(rows.features), BINS), np.int64)
    for at in range(len(rows.features)):
        values = rows.x[:, at].astype(np.float64)
        valid = np.isfinite(values)
        bins = np.searchsorted(EDGES, values[valid], side="right") + numbers[valid] * BINS
        counts[:, at] = np.bincount(bins, minlength=sessions * BINS).reshape(sessions, BINS)
    return counts


def _daily_coefficient(rows: Rows, score: F8Array) -> tuple[float | None, float | None]:
    """Mean and standard deviation of the daily rank IC, by the session in which labels matured; as the agent counts."""
    order = np.lexsort((rows.event_time, _session(rows.matures)))
    session, time = _session(rows.matures)[order], rows.event_time[order]
    new = np.flatnonzero((np.diff(session) != 0) | (np.diff(time) != 0)) + 1
    days: dict[int, list[float]] = {}
    for at in np.split(order, new):
        found = spearman(score[at], rows.y[at], minimum=LEAST_NAMES) if len(at) else None
        if isinstance(found, Correlation):
            days.setdefault(int(_session(rows.matures[at[:1]])[0]), []).append(found.value)
    daily = [math.fsum(values) / len(values) for values in days.values()]
    if len(daily) < LEAST_SESSIONS:
        return None, None
    scale = float(np.std(daily, ddof=1))
    return math.fsum(daily) / len(daily), scale if scale > 0 else None
