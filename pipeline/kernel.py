"""Reductions over windows: the only place where values of different bars are added up.

A window is an array of shape (w, …, n): w bars from oldest to newest, n symbols, between them possibly several
columns that are reduced side by side; results have the shape (…, n). Every sum is the chain
``((x[0] + x[1]) + x[2]) + …`` per symbol, so its bits depend neither on how many symbols stand beside it nor on
the memory layout. ``np.sum`` promises neither (it adds pairwise, by blocks that follow size and strides).

Two ways compute the same chain: ``np.add.accumulate`` where the call overhead counts (few symbols), a loop over
the w slabs where the arithmetic counts (many). Both do the same IEEE additions in the same order.
"""

import numpy as np

from schemas.fields import F8Array

#: Up to this many values per bar a window is reduced by one ``accumulate``; beyond it slab by slab.
SMALL = 192


def window_sum(x: F8Array) -> F8Array:
    """Sum over the window, oldest first. ``x``: float64 (w, …, n); returns float64 (…, n)."""
    if x[0].size <= SMALL:
        total: F8Array = np.add.accumulate(x, axis=0)[-1]
        return total
    total = x[0] + x[1]
    for slab in x[2:]:
        np.add(total, slab, out=total)
    return total


def squared_deviations(x: F8Array, centre: F8Array) -> F8Array:
    """Σ (x − centre)² over the window, oldest first; ``centre`` has shape (…, n)."""
    if x[0].size <= SMALL:
        deviation = x - centre
        return window_sum(deviation * deviation)
    total = np.zeros_like(centre)
    part = np.empty_like(centre)
    for slab in x:
        np.subtract(slab, centre, out=part)
        np.multiply(part, part, out=part)
        np.add(total, part, out=total)
    return total


def absolute_deviations(x: F8Array, centre: F8Array) -> F8Array:
    """Σ |x − centre| over the window, oldest first; ``centre`` has shape (…, n)."""
    if x[0].size <= SMALL:
        return window_sum(np.abs(x - centre))
    total = np.zeros_like(centre)
    part = np.empty_like(centre)
    for slab in x:
        np.subtract(slab, centre, out=part)
        np.abs(part, out=part)
        np.add(total, part, out=total)
    return total


def window_max(x: F8Array) -> F8Array:
    """Largest value of the window, NaN if it holds one. Exact in any order. (w, …, n) → (…, n)."""
    highest: F8Array = np.maximum.reduce(x, axis=0)
    return highest


def window_min(x: F8Array) -> F8Array:
    """Smallest value of the window, NaN if it holds one. Exact in any order. (w, …, n) → (…, n)."""
    lowest: F8Array = np.minimum.reduce(x, axis=0)
    return lowest


def deepest_ratio(x: F8Array) -> F8Array:
    """Smallest ratio of a value to the largest one up to and including it, within the window. (w, …, n) → (…, n)."""
    if x[0].size <= SMALL:
        ratio: F8Array = x / np.maximum.accumulate(x, axis=0)
        return window_min(ratio)
    peak = x[0].copy()
    lowest: F8Array = x[0] / peak
    part = np.empty_like(peak)
    for slab in x[1:]:
        np.maximum(peak, slab, out=peak)
        np.divide(slab, peak, out=part)
        np.minimum(lowest, part, out=lowest)
    return lowest
