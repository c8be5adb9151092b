"""Rows of symbols in the state tables: one number for each symbol, for ever."""

import numpy as np

from schemas.fields import I8Array


class SymbolIndex:
    """Numbers symbols 0, 1, 2 … in the order in which they are first seen."""

    def __init__(self, symbols: tuple[str, ...] = ()) -> None:
        self._numbers = {symbol: number for number, symbol in enumerate(symbols)}
        self._last_symbols: tuple[str, ...] = ()
        self._last_numbers: I8Array = np.zeros(0, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def symbols(self) -> tuple[str, ...]:
        """All symbols, by number."""
        return tuple(self._numbers)

    def numbers(self, symbols: tuple[str, ...]) -> I8Array:
        """Return the numbers (int64, shape (n,)) of ``symbols``, giving new ones where needed."""
        if symbols != self._last_symbols:
            numbers = self._numbers
            try:
                found = np.fromiter(map(numbers.__getitem__, symbols), np.int64, len(symbols))
            except KeyError:
                found = np.array([numbers.setdefault(symbol, len(numbers)) for symbol in symbols], np.int64)
            self._last_symbols, self._last_numbers = symbols, found
        return self._last_numbers
