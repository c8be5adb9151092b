"""What counts over bins say, session by session: stability, shapes and Kolmogorov-Smirnov, all sessions at once."""

import numpy as np

from pipeline.drift.feature_report import stability
from pipeline.drift.kolmogorov_smirnov import kolmogorov_p
from pipeline.drift.shape import shapes
from pipeline.drift.simulation.label_measures import LEAST_NAMES
from schemas.fields import BoolArray, F8Array, I8Array


def measured(
    reference: I8Array, counts: I8Array, before: I8Array, *, lean: bool = False
) -> tuple[F8Array, F8Array, F8Array, BoolArray]:
    """PSI and KS p (sessions, rows), shapes and whether they are known (sessions, rows, 3).

    ``reference`` (rows, bins); ``counts`` (sessions, rows, bins); ``before`` (sessions, rows, bins): of the session
    with data before each, as the drift agent compares them. ``lean``: every p is NaN.
    """
    sessions, rows, bins = counts.shape
    expected = np.tile(reference, (sessions, 1))
    flat = counts.reshape(-1, bins)
    shape, known = shapes(expected, flat, before.reshape(-1, bins), minimum=LEAST_NAMES)
    grid = (sessions, rows)
    psi = stability(expected, flat)
    p = np.full(len(flat), np.nan) if lean else _p_values(expected, flat)
    return psi.reshape(grid), p.reshape(grid), shape.reshape(*grid, 3), known.reshape(*grid, 3)


def previous(counts: I8Array, is_open: BoolArray) -> I8Array:
    """Counts of the last session with data before each, (sessions, rows, bins); zeros where there is none."""
    places = np.where(is_open, np.arange(len(counts)), -1)
    last = np.concatenate([[-1], np.maximum.accumulate(places)[:-1]])
    padded = np.concatenate([counts, np.zeros_like(counts[:1])])
    result: I8Array = padded[last]
    return result


def _p_values(expected: I8Array, actual: I8Array) -> F8Array:
    """Of ``kolmogorov_smirnov_of_counts`` for every row; 1 where a row is empty."""
    n, m = (np.maximum(np.add.reduce(table, axis=1), 1) for table in (expected, actual))
    distance = np.abs(np.cumsum(expected, axis=1) / n[:, None] - np.cumsum(actual, axis=1) / m[:, None]).max(axis=1)
    sizes = n * m / (n + m)
    return np.array([kolmogorov_p(one, size) for one, size in zip(distance.tolist(), sizes.tolist(), strict=True)])
