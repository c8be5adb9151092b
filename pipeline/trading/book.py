"""The book of a simulated account: one column per symbol, sorted by symbol, so that sums have one order."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from pipeline.trading.places import SymbolPlaces
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
        self.places = SymbolPlaces()
        self.values: F8Array = np.zeros((_VALUES, 0))
        self.marks: I8Array = np.zeros((_MARKS, 0), np.int64)
        self._models: npt.NDArray[np.object_] = np.empty(0, object)
        self._codes: dict[str, int] = {}

    def admit(self, symbols: Sequence[str]) -> None:
        """Add columns for the symbols that have none; the places of others may move."""
        kept = self.places.admit(symbols)
        if kept is None:
            return
        values = np.zeros((_VALUES, len(self.places)))
        marks = np.zeros((_MARKS, len(self.places)), np.int64)
        values[MARK] = np.nan
        values[:, kept], marks[:, kept] = self.values, self.marks
        self.values, self.marks = values, marks

    def split(self, place: int, factor: float) -> None:
        """Rescale a symbol to ``factor`` new units for one old: what is held and asked for is worth the same."""
        for row in (UNITS, TARGET, ENTERED, LEFT):
            self.values[row, place] *= factor
        self.values[MARK, place] /= factor

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
