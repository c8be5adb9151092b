"""Tables of (time, symbol number, value) rows: joining blocks, bringing them into order, packing them as bytes."""

from collections.abc import Sequence

import numpy as np

from schemas.fields import F8Array, I8Array

#: Three columns of one length: time (ns UTC), symbol number, value.
Columns = tuple[I8Array, I8Array, F8Array]


def concatenate(blocks: Sequence[Columns]) -> Columns:
    """All rows of the blocks, in their order."""
    if not blocks:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64)
    times, numbers, values = zip(*blocks, strict=True)
    return np.concatenate(times), np.concatenate(numbers), np.concatenate(values)


def sort_by_key(rows: Columns) -> Columns:
    """Rows ordered by (time, number); of rows with one key only the first is kept.

    >>> sort_by_key((np.array([5, 4, 5]), np.array([1, 2, 1]), np.array([0.1, 0.2, 0.3])))
    (array([4, 5]), array([2, 1]), array([0.2, 0.1]))
    """
    times, numbers, values = rows
    order = np.lexsort((numbers, times))  # stable: equal keys stay in their order of arrival
    times, numbers, values = times[order], numbers[order], values[order]
    new = np.ones(len(times), np.bool_)
    new[1:] = (times[1:] != times[:-1]) | (numbers[1:] != numbers[:-1])
    return times[new], numbers[new], values[new]


def packed(rows: Columns) -> tuple[bytes, bytes, bytes]:
    """Columns as little-endian bytes: int64, int32, float64."""
    return rows[0].astype("<i8").tobytes(), rows[1].astype("<i4").tobytes(), rows[2].astype("<f8").tobytes()


def unpacked(data: Sequence[bytes]) -> Columns:
    """Inverse of ``packed``."""
    times, numbers, values = data
    return (
        np.frombuffer(times, "<i8").astype(np.int64),
        np.frombuffer(numbers, "<i4").astype(np.int64),
        np.frombuffer(values, "<f8").astype(np.float64),
    )
