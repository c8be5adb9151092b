"""The router: filter, then merge, then dedup, over the rows of all serving models at one bar."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.routing.decision import SKIPPED
from pipeline.routing.dedup import EMITTED, FILTERED, MERGED, NONE, PAUSED, DedupRules, DedupTable
from pipeline.routing.filtering import RowFilter
from pipeline.routing.merging import Claim, Merged, merge
from pipeline.routing.symbols import SymbolIndex
from schemas.fields import BoolArray, F8Array, U1Array
from schemas.predictions import PredictionBatch


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Statement:
    """What one serving model says about its symbols at one bar; columns of shape (n,).

    ``paused`` marks rows that an operator has stopped; ``close`` is the bar's close, ``scale`` the position scale.
    """

    strategy: str
    model: str
    model_version: int
    horizon: int
    symbols: tuple[str, ...]
    score: F8Array
    confidence: F8Array
    status: U1Array
    direction: U1Array
    close: F8Array
    scale: F8Array
    paused: BoolArray
    row_filter: RowFilter


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Routed:
    """Outcome of each statement's rows, and the merged rows that are to be sent (``sent``: their places)."""

    outcomes: tuple[U1Array, ...]
    merged: Merged | None
    sent: BoolArray


class Router:
    """Router state of one partition: a dedup table for each interval, over one index of symbols."""

    def __init__(self, symbols: SymbolIndex | None = None, tables: dict[str, DedupTable] | None = None) -> None:
        self.symbols = SymbolIndex() if symbols is None else symbols
        self.tables = {} if tables is None else tables

    def route(self, statements: Sequence[Statement], interval: str, event_time: int, rules: DedupRules) -> Routed:
        """Route what the models say at one bar, given in the order of their strategies' names.

        Filter: rows that don't pass are ``filtered``, paused ones ``paused``, skipped ones ``none``. Merge: rows of
        one symbol become one, led by one row; the others are ``merged``. Dedup: the lead row gets ``emitted``,
        ``suppressed`` or ``unchanged``.
        """
        outcomes, claims = [], []
        for statement in statements:
            outcome, claim = _claim(statement)
            outcomes.append(outcome)
            claims.append(claim)
        merged = merge(claims) if claims else None
        if merged is None or not merged.symbols:
            return Routed(outcomes=tuple(outcomes), merged=None, sent=np.zeros(0, dtype=np.bool_))
        decided = self._table(interval, merged).take(
            self.symbols.numbers(merged.symbols), merged.direction, event_time, rules
        )
        for number, outcome in enumerate(outcomes):
            leads = merged.lead == number
            outcome[merged.lead_row[leads]] = decided[leads]
        return Routed(outcomes=tuple(outcomes), merged=merged, sent=decided == EMITTED)

    def replay(self, batches: Sequence[PredictionBatch]) -> None:
        """Take the serving models' batches of one source message as recorded: the state becomes what ``route`` made."""
        claims, emitted = [], []
        for batch in batches:
            spoke = np.flatnonzero((batch.outcome != NONE) & (batch.outcome != FILTERED) & (batch.outcome != PAUSED))
            claims.append(
                Claim(
                    symbols=_chosen(batch.symbols, spoke),
                    rows=spoke,
                    direction=batch.direction[spoke],
                    score=batch.score[spoke],
                    confidence=batch.confidence[spoke],
                )
            )
            emitted.append(batch.outcome == EMITTED)
        if not claims:
            return
        merged = merge(claims)
        sent = np.array(
            [emitted[lead][row] for lead, row in zip(merged.lead, merged.lead_row, strict=True)], dtype=bool
        )
        table = self._table(batches[0].interval, merged)
        table.mark(self.symbols.numbers(merged.symbols)[sent], merged.direction[sent], batches[0].event_time)

    def table(self, interval: str) -> DedupTable:
        """Return the table of an interval, with room for every symbol of the index."""
        table = self.tables.setdefault(interval, DedupTable())
        table.grow(len(self.symbols))
        return table

    def _table(self, interval: str, merged: Merged) -> DedupTable:
        self.symbols.numbers(merged.symbols)
        return self.table(interval)


def _claim(statement: Statement) -> tuple[U1Array, Claim]:
    """First step: provisional outcomes of a statement's rows, and the rows that go on to be merged."""
    passes = statement.row_filter.passes(statement.symbols, statement.direction, statement.confidence)
    outcome = np.where(passes, np.where(statement.paused, PAUSED, MERGED), FILTERED).astype(np.uint8)
    outcome[statement.status == SKIPPED] = NONE
    rows = np.flatnonzero(outcome == MERGED)
    return outcome, Claim(
        symbols=_chosen(statement.symbols, rows),
        rows=rows,
        direction=statement.direction[rows],
        score=statement.score[rows],
        confidence=statement.confidence[rows],
    )


def _chosen(symbols: tuple[str, ...], rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> tuple[str, ...]:
    if len(rows) == len(symbols):
        return symbols
    return tuple(symbols[row] for row in rows.tolist())
