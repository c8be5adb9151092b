"""Places of symbols in columns that are always sorted by symbol."""

from collections.abc import Sequence
from itertools import repeat

import numpy as np
import numpy.typing as npt

from schemas.fields import I8Array

#: Cross-sections remembered; those that never come again must not pile up.
_REMEMBERED = 64


class SymbolPlaces:
    """Symbols in their order, and where each stands; a cross-section that comes again costs one look-up."""

    def __init__(self) -> None:
        self.symbols: npt.NDArray[np.object_] = np.empty(0, object)
        self._places: dict[str, int] = {}
        self._found: dict[tuple[str, ...], I8Array] = {}

    def __len__(self) -> int:
        return len(self.symbols)

    def find(self, symbols: Sequence[str]) -> I8Array:
        """Places of symbols, shape (n,); -1 for those that were never admitted."""
        key = tuple(symbols)
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            found = np.fromiter(map(self._places.get, key, repeat(-1)), np.int64, len(key))
            self._found[key] = found
        return found

    def place(self, symbol: str) -> int:
        """Place of one symbol, -1 if it was never admitted."""
        return self._places.get(symbol, -1)

    def admit(self, symbols: Sequence[str]) -> I8Array | None:
        """Add those of ``symbols`` that are new; returns where the old columns stand now, None if nothing moved."""
        found = self.find(symbols)
        if not len(found) or found.min() >= 0:
            return None
        old = list(self._places)
        names = sorted({*old, *symbols})
        self._places = {name: place for place, name in enumerate(names)}
        self.symbols = np.array(names, object)
        self._found.clear()
        return np.fromiter((self._places[name] for name in old), np.int64, len(old))

    def names(self, places: I8Array) -> tuple[str, ...]:
        """Symbols at places."""
        return tuple(self.symbols[places].tolist())
