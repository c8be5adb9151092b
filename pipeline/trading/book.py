"""The book of a simulated account: one column per symbol, sorted by symbol, so that sums have one order."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from schemas.fields import F8Array, I8Array

# Rows of ``values``. Held units (signed) and the price they were last valued at (NaN before the first bar).
UNITS, MARK = 0, 1
# The order that waits: its target in units, and its rank where places are short.
TARGET, PRIORITY = 2, 3
# Weight that the last signal asked for, signed.
AIM = 4
# The open trade: units in and out, what was paid and got for them, profit at the bars' prices, costs.
ENTERED, PAID, LEFT, RECEIVED, GAIN, COST = 5, 6, 7, 8, 9, 10
# Sums since the start over closed trades, and the currency traded.
SUM_GAIN, SUM_COST, TRADED = 11, 12, 13
_VALUES = 14

# Rows of ``marks``: is an order waiting; expiry of the last signal; the last bar; the open trade's begin, closes held
# and model; the model of the order.
WAITING, EXPIRES, LAST, ENTRY, BARS, MODEL, ORDER_MODEL = 0, 1, 2, 3, 4, 5, 6
# Sums over closed trades.
TRADES, WINS, SUM_BARS = 7, 8, 9
_MARKS = 10


class Book:
    """State of every symbol that had a bar: ``values`` (float64) and ``marks`` (int64), shape (rows, symbols).

    Columns are always in the order of the symbols, whatever order they came in: that order settles every sum.
    """

    def __init__(self) -> None:
        self.symbols: npt.NDArray[np.object_] = np.empty(0, object)
        self.places: dict[str, int] = {}
        self.values: F8Array = np.zeros((_VALUES, 0))
        self.marks: I8Array = np.zeros((_MARKS, 0), np.int64)
        self._models: npt.NDArray[np.object_] = np.empty(0, object)
        self._codes: dict[str, int] = {}
        self._found: dict[tuple[str, ...], I8Array] = {}

    def __len__(self) -> int:
        return len(self.symbols)

    def find(self, symbols: Sequence[str]) -> I8Array:
        """Places of symbols, shape (n,); -1 for those without a bar so far."""
        key = tuple(symbols)
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= 64:  # cross-sections that never come again must not pile up
                self._found.clear()
            found = np.fromiter((self.places.get(symbol, -1) for symbol in key), np.int64, len(key))
            self._found[key] = found
        return found

    def admit(self, symbols: Sequence[str]) -> I8Array:
        """Places of symbols, those that weren't known added; the places of others may move."""
        found = self.find(symbols)
        if not len(found) or found.min() >= 0:
            return found
        names = sorted({*self.places, *symbols})
        places = {name: place for place, name in enumerate(names)}
        kept = [places[name] for name in self.places]
        values, marks = np.zeros((_VALUES, len(names))), np.zeros((_MARKS, len(names)), np.int64)
        values[MARK] = np.nan
        values[:, kept], marks[:, kept] = self.values, self.marks
        self.symbols, self.places, self.values, self.marks = np.array(names, object), places, values, marks
        self._found.clear()
        return self.find(symbols)

    def names(self, places: I8Array) -> tuple[str, ...]:
        """Symbols at places."""
        return tuple(self.symbols[places].tolist())

    def model_codes(self, names: Iterable[str]) -> I8Array:
        """Codes for ``model_names``, made where a name is new."""
        codes = []
        for name in names:
            if name not in self._codes:
                self._codes[name] = len(self._codes)
                self._models = np.array(list(self._codes), object)
            codes.append(self._codes[name])
        return np.array(codes, np.int64)

    def model_names(self, codes: I8Array) -> tuple[str, ...]:
        """Inverse of ``model_codes``."""
        return tuple(self._models[codes].tolist())
