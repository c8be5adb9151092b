"""From signals to waiting orders, sized on the close that made them."""

from collections.abc import Sequence

import numpy as np

from pipeline.trading.book import (
    AIM,
    EXPIRES,
    MARK,
    ORDER_MODEL,
    PRIORITY,
    TARGET,
    UNITS,
    WAITING,
    Book,
)
from pipeline.trading.limits import whole_lots
from pipeline.trading.options import TradingOptions
from schemas.fields import F8Array, I8Array
from schemas.signal_columns import SignalColumns

#: Directions as sides, by their place in ``schemas.signals.SIGNALS``.
_SIDE = np.array([0.0, 1.0, -1.0])
#: Sides that each choice of ``TradingOptions.sides`` leaves: (least, most).
_ALLOWED = {"both": (-1.0, 1.0), "long": (0.0, 1.0), "short": (-1.0, 0.0)}


def decide(book: Book, columns: Sequence[SignalColumns], equity: float, options: TradingOptions) -> int:
    """Note an order for every signal that asks for something else than is held; returns how many have no price.

    Target units = side x weight x ``position_scale`` x ``equity`` / close, in whole lots; both are those of the
    signal's own bar, which is all that is known. An order replaces the one that waits for its symbol. Raises
    ValueError for two signals of one symbol.
    """
    unpriced = 0
    seen: list[I8Array] = []
    for one in columns:
        rows = None
        if not book.places.keys() >= set(one.symbol):
            rows = np.array([row for row, name in enumerate(one.symbol) if name in book.places], np.int64)
            unpriced += len(one) - len(rows)
            names: Sequence[str] = [one.symbol[row] for row in rows.tolist()]
        else:
            names = one.symbol
        places = book.find(names)
        seen.append(places)
        take = slice(None) if rows is None else rows
        terms = one.term[take]
        scale = np.maximum(one.position_scale[take], 0.0)
        weight = np.clip(_SIDE[one.direction[take]], *_ALLOWED[options.sides]) * np.minimum(
            options.weight * scale, options.max_weight
        )
        expires = np.array([known.expires_at for known in one.terms], np.int64)[terms]
        models = book.model_codes(f"{known.model}:{known.model_version}" for known in one.terms)[terms]
        _note(book, places, weight, equity, options)
        book.values[PRIORITY, places] = np.abs(one.score[take])
        book.marks[EXPIRES, places] = expires
        book.marks[ORDER_MODEL, places] = models
    _check_single(book, seen)
    return unpriced


def _note(book: Book, places: I8Array, weight: F8Array, equity: float, options: TradingOptions) -> None:
    """Write the orders of ``places`` for signed weights."""
    values = book.values
    held = values[UNITS, places]
    target = whole_lots(weight * equity / values[MARK, places], options.lot)
    waits = (target != 0) | (held != 0)
    if not options.rebalance:
        # AIM is what the position was last ordered for: a signal that says the same again changes nothing.
        repeats = (np.sign(held) == np.sign(weight)) & (values[AIM, places] == weight)
        waits &= ~repeats
    values[AIM, places] = weight
    values[TARGET, places] = target
    book.marks[WAITING, places] = waits


def _check_single(book: Book, seen: list[I8Array]) -> None:
    places = np.concatenate(seen) if seen else np.empty(0, np.int64)
    unique, counts = np.unique(places, return_counts=True)
    if len(unique) < len(places):
        name = book.symbols[unique[counts > 1][0]]
        raise ValueError(f"two signals of one bar time for {name}: simulate one strategy at a time")
