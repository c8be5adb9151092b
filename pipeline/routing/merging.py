"""The router's second step: what several models say about one symbol at one bar becomes one statement.

Rule. With one contributor its row stands unchanged. With several, each weighs its confidence (1 each where all
confidences are 0, as with fallbacks):

- score: weighted mean; confidence: plain mean; position scale: the smallest;
- direction: the one that holds more than two thirds of the weight; without such a majority, flat;
- horizon, model and reference price: those of the *lead*, the row of highest confidence (the first strategy by
  name where equal). The lead's row carries the router's outcome, the other rows say ``merged``.

The rule reads recorded columns only, so that what was merged can be rebuilt from ``predictions``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.routing.decision import FLAT
from schemas.fields import BoolArray, F8Array, I8Array, U1Array
from schemas.predictions import DIRECTIONS


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Claim:
    """Rows of one model that passed the filter: columns of shape (n,), ``rows`` their places in the model's batch."""

    symbols: tuple[str, ...]
    rows: I8Array
    direction: U1Array
    score: F8Array
    confidence: F8Array


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Merged:
    """One row a symbol, columns of shape (m,).

    ``lead`` is the number of the claim that leads, ``lead_row`` its row in the model's batch. ``contributors`` and
    ``rows`` have shape (claims, m): True where the claim spoke about the symbol, and its row (0 where it didn't).
    """

    symbols: tuple[str, ...]
    direction: U1Array
    score: F8Array
    confidence: F8Array
    lead: I8Array
    lead_row: I8Array
    contributors: BoolArray
    rows: I8Array


def merge(claims: Sequence[Claim]) -> Merged:
    """Merge claims, given in the order of their strategies' names; symbols keep their order of first appearance."""
    if len(claims) == 1:
        only = claims[0]
        return Merged(
            symbols=only.symbols,
            direction=only.direction,
            score=only.score,
            confidence=only.confidence,
            lead=np.zeros(len(only.symbols), dtype=np.int64),
            lead_row=only.rows,
            contributors=np.ones((1, len(only.symbols)), dtype=np.bool_),
            rows=only.rows.reshape(1, -1),
        )
    places: dict[str, int] = {}
    where = [
        np.array([places.setdefault(symbol, len(places)) for symbol in claim.symbols], dtype=np.int64)
        for claim in claims
    ]
    return _Sums(len(claims), len(places)).add_all(claims, where).merged(tuple(places))


class _Sums:
    """Accumulators over claims, one column a symbol; claims are added in order, so that bits don't depend on more."""

    def __init__(self, claims: int, symbols: int) -> None:
        self.present = np.zeros((claims, symbols), dtype=np.bool_)
        self.score = np.zeros((claims, symbols))
        self.confidence = np.zeros((claims, symbols))
        self.direction = np.full((claims, symbols), FLAT, dtype=np.uint8)
        self.rows = np.zeros((claims, symbols), dtype=np.int64)

    def add_all(self, claims: Sequence[Claim], where: Sequence[I8Array]) -> "_Sums":
        for number, (claim, places) in enumerate(zip(claims, where, strict=True)):
            self.present[number, places] = True
            self.score[number, places] = claim.score
            self.confidence[number, places] = claim.confidence
            self.direction[number, places] = claim.direction
            self.rows[number, places] = claim.rows
        return self

    def merged(self, symbols: tuple[str, ...]) -> Merged:
        columns = np.arange(len(symbols))
        lead = np.argmax(np.where(self.present, self.confidence, -1.0), axis=0)
        count = _total(self.present.astype(np.float64))
        weight = np.where(self.present, self.confidence, 0.0)
        total = _total(weight)
        weight = np.where(total > 0.0, weight, self.present)
        total = np.where(total > 0.0, total, count)
        alone = count == 1.0
        score = np.where(alone, self.score[lead, columns], _total(weight * self.score) / total)
        confidence = np.where(alone, self.confidence[lead, columns], _total(self.confidence) / count)
        direction = np.full(len(symbols), FLAT, dtype=np.uint8)
        for code in range(len(DIRECTIONS)):
            direction[3.0 * _total(np.where(self.direction == code, weight, 0.0)) > 2.0 * total] = code
        return Merged(
            symbols=symbols,
            direction=direction,
            score=score,
            confidence=confidence,
            lead=lead,
            lead_row=self.rows[lead, columns],
            contributors=self.present,
            rows=self.rows,
        )


def _total(rows: F8Array) -> F8Array:
    """Add the rows (claims) of a matrix from the first to the last."""
    total = np.zeros(rows.shape[1])
    for row in rows:
        total = total + row
    return total
