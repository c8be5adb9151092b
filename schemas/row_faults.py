"""Faults of single rows: the row is dead-lettered, the rest of its batch goes on."""

from dataclasses import dataclass

import numpy as np

from schemas.bars import BarBatch
from schemas.fields import BoolArray
from schemas.names import MAX_NAME, are_names, is_name


@dataclass(frozen=True, kw_only=True, slots=True)
class RowFault:
    """One row of a batch that can't be taken: ``code`` in one word, ``detail`` for people."""

    row: int
    symbol: str
    code: str
    detail: str


def bar_row_faults(batch: BarBatch) -> tuple[BoolArray, tuple[RowFault, ...]]:
    """Return (mask of the rows without a fault, shape (n,), and one fault for each other row: the first that applies).

    Every comparison is written so that a NaN fails it.
    """
    opening, high, low, close = batch.open, batch.high, batch.low, batch.close
    fine = (low > 0.0) & (low <= high) & (low <= opening) & (opening <= high) & (low <= close) & (close <= high)
    fine &= (high < np.inf) & (((batch.volume >= 0.0) & (batch.volume < np.inf)) | ~batch.volume_valid)
    if fine.all() and are_names(batch.symbols):
        return fine, ()
    faults = _explain(batch, fine)
    fine[[fault.row for fault in faults]] = False
    return fine, faults


def _explain(batch: BarBatch, fine: BoolArray) -> tuple[RowFault, ...]:
    found: list[RowFault] = []
    seen: set[str] = set()
    for row, symbol in enumerate(batch.symbols):
        code, detail = "", ""
        if bad := _symbol_fault(symbol):
            code, detail = bad
        elif symbol in seen:
            code, detail = "duplicate_symbol", f"{symbol} stands twice in one batch"
        elif not fine[row]:
            code, detail = _row_fault(batch, row)
        seen.add(symbol)
        if code:
            found.append(RowFault(row=row, symbol=symbol, code=code, detail=detail))
    return tuple(found)


def _symbol_fault(symbol: str) -> tuple[str, str] | None:
    if not symbol:
        return "empty_symbol", "the symbol is empty"
    if not is_name(symbol):
        return "bad_symbol", f"the symbol is longer than {MAX_NAME} characters or holds a NUL"
    return None


def _row_fault(batch: BarBatch, row: int) -> tuple[str, str]:
    opening, high, low, close = (float(column[row]) for column in (batch.open, batch.high, batch.low, batch.close))
    prices = f"open {opening}, high {high}, low {low}, close {close}"
    volume = float(batch.volume[row])
    if not np.isfinite([opening, high, low, close]).all():
        return "not_finite", f"a price is NaN or infinite ({prices})"
    if min(opening, high, low, close) <= 0.0:
        return "non_positive_price", f"a price is zero or negative ({prices})"
    if high < low:
        return "high_below_low", prices
    if not low <= opening <= high:
        return "open_outside_range", prices
    if not low <= close <= high:
        return "close_outside_range", prices
    return ("negative_volume", f"volume {volume}") if volume < 0.0 else ("not_finite", f"volume {volume}")
