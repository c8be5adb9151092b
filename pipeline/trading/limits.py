"""What the limits leave of the orders that fill at one bar time."""

from dataclasses import dataclass

import numpy as np

from pipeline.trading.options import TradingOptions
from schemas.fields import F8Array

#: Rounding of a product or a quotient that still counts as a whole lot.
_WHOLE = 1e-9


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Due:
    """Orders of n symbols, ordered by symbol, columns of shape (n,): units held and asked for (signed), price, rank.

    ``equity``: at these prices, before the costs of these fills. ``other_gross`` (currency) and ``other_held``: what
    positions without an order take up.
    """

    held: F8Array
    target: F8Array
    price: F8Array
    priority: F8Array
    equity: float
    other_gross: float
    other_held: int


def whole_lots(units: F8Array, lot: float) -> F8Array:
    """Round towards 0 to multiples of ``lot``; as they are for 0.

    >>> whole_lots(np.array([2.7, -2.7, 0.3]), 0.1).round(12).tolist(), whole_lots(np.array([-2.7]), 1.0).tolist()
    ([2.7, -2.7, 0.3], [-2.0])
    """
    if lot == 0:
        return units
    count = units / lot
    nearest = np.rint(count)
    near = np.abs(count - nearest) <= _WHOLE * np.maximum(np.abs(count), 1.0)
    return np.where(near, nearest, np.trunc(count)) * lot


def limited(due: Due, options: TradingOptions) -> F8Array:
    """Return the targets, in units, that keep to the limits; each is between 0 and what was asked for, in size.

    1. No |target| above ``max_weight`` of the equity.
    2. Positions that would be new get the places that ``max_positions`` leaves, the highest priority first, ties in
       the order of symbols; what stays or closes is settled before.
    3. What adds to positions is cut by one factor, so that the gross exposure keeps to ``max_gross``. What is already
       held is never sold for that: a limit stops buying, it doesn't force sales.
    4. Whole lots.
    """
    side = np.sign(due.target)
    size = np.minimum(np.abs(due.target), options.max_weight * due.equity / due.price)
    if options.max_positions:
        new = np.flatnonzero((due.held == 0) & (size > 0))
        kept = np.count_nonzero((due.held != 0) & (size > 0))
        free = max(options.max_positions - due.other_held - int(kept), 0)
        if len(new) > free:
            ranked = new[np.argsort(-due.priority[new], kind="stable")]
            size[ranked[free:]] = 0.0
    before = np.where(np.sign(due.held) == side, np.minimum(np.abs(due.held), size), 0.0)
    more = size - before
    wanted = float(np.add.reduce(more * due.price))
    taken = due.other_gross + float(np.add.reduce(before * due.price))
    room = max(options.max_gross * due.equity - taken, 0.0)
    if wanted > room:
        size = before + more * (room / wanted)
    return whole_lots(side * size, options.lot) + 0.0  # no negative zero
