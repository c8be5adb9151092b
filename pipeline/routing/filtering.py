"""The router's first step: which rows may become signals."""

from dataclasses import dataclass

import numpy as np

from schemas.fields import BoolArray, F8Array, U1Array
from schemas.predictions import DIRECTIONS


@dataclass(frozen=True, kw_only=True, slots=True)
class RowFilter:
    """Lets a row pass by symbol, direction and confidence. ``symbols`` empty means all."""

    symbols: frozenset[str] = frozenset()
    blocked: frozenset[str] = frozenset()
    directions: frozenset[str] = frozenset(DIRECTIONS)
    min_confidence: float = 0.0

    def passes(self, symbols: tuple[str, ...], direction: U1Array, confidence: F8Array) -> BoolArray:
        """Return the mask (bool, shape (n,)) of rows that pass."""
        mask: BoolArray = confidence >= self.min_confidence
        if len(self.directions) < len(DIRECTIONS):
            allowed = np.array([name in self.directions for name in DIRECTIONS])
            mask &= allowed[direction]
        if self.symbols:
            mask &= member_mask(symbols, self.symbols)
        if self.blocked:
            mask &= ~member_mask(symbols, self.blocked)
        return mask


def member_mask(symbols: tuple[str, ...], chosen: frozenset[str]) -> BoolArray:
    """Return for each symbol whether it is among ``chosen`` (bool, shape (n,))."""
    return np.fromiter((symbol in chosen for symbol in symbols), dtype=np.bool_, count=len(symbols))
