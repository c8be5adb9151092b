"""What a feature family is made of: declared columns, declared state, one function over a cross-section."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np

from schemas.fields import BoolArray, F8Array, I8Array

#: A bar index or a length: one for all, or one per row of a stack of averages, shape (rows, 1).
Bar = int | F8Array | I8Array


class Scale(Enum):
    """How a quantity answers to a split of ``factor`` new shares for one old."""

    PRICE = "price"  # ÷ factor
    VOLUME = "volume"  # × factor
    NONE = "none"  # ratios, log returns, price × volume
    LOG_PRICE = "log_price"  # ln of a rescaled price


@dataclass(frozen=True, kw_only=True, slots=True)
class Feature:
    """One column: its name, the index of the first bar with a value, its exact definition.

    ``recursive``: the value depends on every bar since bar 0, so it can't be warmed up from a finite look-back.
    ``comparable``: free of price and share units, so it means the same for every symbol.
    """

    name: str
    first: int
    definition: str
    recursive: bool = False
    comparable: bool = True


@dataclass(slots=True, kw_only=True, eq=False)
class Frame:
    """One cross-section of n symbols on its way through the families.

    ``ring``: float64 (21, columns, n): the last 21 bars of each shared column (``columns.py``), oldest first; the
    current bar is ``ring[20]``, its predecessor ``ring[19]``; NaN where a symbol has no such bar yet.
    ``t``: int64 (n,), index of the current bar within its symbol. ``cold``: some symbol is still warming up.
    ``change``: c[t] − c[t−1]; ``true_range``: float64 (n,), NaN on bar 0. ``sums``, ``squares``, ``level``: over the
    last 20 bars, per column from 0 on: sum, Σ (x − mean)², all values equal. ``flows``: sums over 14 bars of
    ``INFLOW`` and ``OUTFLOW``.
    """

    t: I8Array
    cold: bool
    high: F8Array
    low: F8Array
    close: F8Array
    volume: F8Array
    ring: F8Array
    change: F8Array
    true_range: F8Array
    sums: F8Array
    squares: F8Array
    level: BoolArray
    flows: F8Array

    def window(self, column: int, length: int) -> F8Array:
        """Return the last ``length`` bars of a shared column, the current one included: (length, n), a view."""
        window: F8Array = self.ring[21 - length :, column]
        return window

    def ago(self, column: int, bars: int) -> F8Array:
        """Return a shared column as it was ``bars`` bars ago: (n,), a view."""
        then: F8Array = self.ring[20 - bars, column]
        return then


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """Features that are computed together.

    ``step(frame, state, out)`` reads the frame, advances ``state`` (float64 (len(state), n), 0 before bar 0) in
    place and fills ``out`` (float64 (len(features), n)); NaN means undefined. What it writes before a feature's
    first bar is ignored. ``version`` rises with every change that can change a value.
    """

    name: str
    version: int
    features: tuple[Feature, ...]
    step: Callable[[Frame, F8Array, F8Array], None]
    state: tuple[tuple[str, Scale], ...] = ()


def same(a: F8Array, b: F8Array) -> BoolArray:
    """Equality of prices in MFI, WILLR and STOCH: |a − b| ≤ 1e-14 (|a| + |b|), as TA-Lib 0.8 has it."""
    equal: BoolArray = np.abs(a - b) <= 1e-14 * (np.abs(a) + np.abs(b))
    return equal


def exponential(frame: Frame, previous: F8Array, x: F8Array, first: Bar, length: Bar) -> F8Array:
    """Advance an EMA of ``length``, seeded at bar ``first`` with the mean of the ``length`` inputs up to it.

    Before the seed ``previous`` holds the running sum of the inputs, so no window of them is needed.
    ``previous`` may be a stack of averages (rows, n) with a ``first`` and a ``length`` per row.
    """
    value: F8Array = previous + (x - previous) * (2.0 / (length + 1))
    if frame.cold:
        value = _seed(frame.t, previous, x, value, (first, length))
    return value


def wilder(frame: Frame, previous: F8Array, x: F8Array, first: int, length: int) -> F8Array:
    """Advance Wilder's average: (previous (length − 1) + x) / length, seeded like ``exponential``."""
    value: F8Array = (previous * (length - 1) + x) / length
    if frame.cold:
        value = _seed(frame.t, previous, x, value, (first, length))
    return value


def _seed(t: I8Array, previous: F8Array, x: F8Array, value: F8Array, window: tuple[Bar, Bar]) -> F8Array:
    """Replace ``value`` by the running sum (before the seed) or the mean (at it); ``window`` = (first, length)."""
    first, length = window
    total = previous + x
    warming = np.where(t > first - length, total, 0.0)
    seeded: F8Array = np.where(t > first, value, np.where(t == first, total / length, warming))
    return seeded
