"""Ten bins out of many: neighbouring bins joined until each holds a tenth of the reference."""

import numpy as np

from schemas.fields import I8Array

#: Bins of about equal share that a stability index is taken over.
PARTS = 10


def coarse(reference: I8Array, *tables: I8Array) -> tuple[I8Array, ...]:
    """Counts of the reference and of other tables, all (rows, bins), over at most ten joined bins and two outside.

    Results have shape (rows, 12). Row by row, bins are joined from the left until they hold a tenth of the reference's
    values; what is left at the end joins the last. What lies below (column 0) or above (column 11) everything that the
    reference has seen stays apart: a tenth of a sample that flew away is no tenth of the last bin.

    >>> [table.tolist() for table in coarse(np.array([[0, 3, 1, 0]]), np.array([[2, 0, 1, 1]]))]
    [[[0, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]], [[2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1]]]
    """
    places = _places(reference)
    rows = np.arange(len(reference))
    result = []
    for table in (reference, *tables):
        joined = np.zeros((len(table), PARTS + 2), np.int64)
        for column in range(table.shape[1]):
            joined[rows, places[:, column]] += table[:, column]
        result.append(joined)
    return tuple(result)


def _places(reference: I8Array) -> I8Array:
    """Column of the result for each bin of the reference, (rows, bins)."""
    total = np.add.reduce(reference, axis=1)
    places = np.zeros(reference.shape, np.int64)
    part, held, seen = np.ones(len(reference), np.int64), np.zeros_like(total), np.zeros_like(total)
    for column in range(reference.shape[1]):
        over = (seen == total) & (total > 0)
        seen = seen + reference[:, column]
        held = held + reference[:, column]
        places[:, column] = np.where(over, PARTS + 1, np.where(seen == 0, 0, part))
        full = held * PARTS >= np.maximum(total, 1)
        part, held = part + full, np.where(full, 0, held)
    last = np.maximum(part - 1, 1)[:, None]
    return np.where((places > last) & (places <= PARTS), last, places)
