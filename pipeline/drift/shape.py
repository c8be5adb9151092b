"""The shape of a session's distribution in three numbers, from counts over the bins of a reference.

With G the reference's distribution function, taken at the middle of each bin's mass:

- *location*: mean of G over the session's values. 0.5 where nothing moved, towards 1 where values grew;
- *spread*: mean of |2 G - 1|. Grows where values move away from the reference's middle on both sides;
- *churn*: with d half the sum of |share - share of the session before|, 1 + log10(max(d, 1e-4)) / 4: 1 where nothing
  is as it was, 0 where the feed is frozen. On a logarithmic scale, for d itself is near zero in any large sample.

All three lie in [0, 1], so neither heavy tails nor one wild value can spoil them.
"""

import numpy as np

from schemas.fields import BoolArray, F8Array, I8Array

#: Columns of a shape.
SHAPE = ("location", "spread", "churn")
#: A smaller distance between two sessions counts as this one.
LEAST_DISTANCE = 1e-4


def shapes(reference: I8Array, counts: I8Array, before: I8Array | None, *, minimum: int) -> tuple[F8Array, BoolArray]:
    """Return shapes (rows, 3) and which of them are known, for ``counts`` (rows, bins) of one session.

    ``reference``: counts of the reference sample, (rows, bins), or (bins,) for all. ``before``: counts of the session
    before, None if there was none (churn is unknown then). Rows with fewer than ``minimum`` values are unknown, and so
    are rows whose reference is empty.

    >>> values, known = shapes(np.array([1, 1, 1, 1]), np.array([[0, 0, 2, 2]]), np.array([[2, 2, 0, 0]]), minimum=1)
    >>> values.tolist(), known.tolist()
    ([[0.75, 0.5, 1.0]], [[True, True, True]])
    """
    reference = np.broadcast_to(reference, counts.shape)
    n, total = _sums(counts), _sums(reference)
    middle = (np.cumsum(reference, axis=1) - reference / 2) / np.maximum(total, 1)[:, None]
    share = counts / np.maximum(n, 1)[:, None]
    enough = (n >= max(minimum, 1)) & (total > 0)
    values, known = np.zeros((len(counts), 3)), np.repeat(enough[:, None], 3, axis=1)
    values[:, 0] = _sums(share * middle)
    values[:, 1] = _sums(share * np.abs(2 * middle - 1))
    if before is None:
        known[:, 2] = False
    else:
        earlier = _sums(before)
        distance = _sums(np.abs(share - before / np.maximum(earlier, 1)[:, None])) / 2
        values[:, 2] = 1 + np.log10(np.maximum(distance, LEAST_DISTANCE)) / -np.log10(LEAST_DISTANCE)
        known[:, 2] &= earlier >= max(minimum, 1)
    return np.where(known, values, 0.0), known


def _sums(table: F8Array | I8Array) -> F8Array:
    """Sums over the bins, added from first to last, so that a row's bits don't depend on the other rows."""
    result: F8Array = np.add.accumulate(table, axis=1, dtype=np.float64)[:, -1]
    return result
