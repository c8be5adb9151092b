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
        places = book.places.find(one.symbol)
        rows = np.flatnonzero(places >= 0)
        unpriced += len(places) - len(rows)
        places, terms = places[rows], one.term[rows]
        seen.append(places)
        most = np.minimum(options.weight * np.maximum(one.position_scale[rows], 0.0), options.max_weight)
        weight = np.clip(_SIDE[one.direction[rows]], *_ALLOWED[options.sides]) * most
        _note(book, places, weight, equity, options)
        book.values[PRIORITY, places] = np.abs(one.score[rows])
        expires = np.array([known.expires_at for known in one.terms], np.int64)
        models = book.model_codes(f"{known.model}:{known.model_version}" for known in one.terms)
        book.marks[EXPIRES, places] = expires[terms]
        book.marks[ORDER_MODEL, places] = models[terms]
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
    places = np.sort(places)
    same = np.flatnonzero(places[1:] == places[:-1])
    if len(same):
        name = book.places.symbols[places[same[0]]]
        raise ValueError(f"two signals of one bar time for {name}: simulate one strategy at a time")
