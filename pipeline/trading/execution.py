"""Fills: what an order changes in the book, and the trades that it closes."""

from dataclasses import dataclass

import numpy as np

from pipeline.trading.book import (
    BARS,
    COST,
    ENTERED,
    ENTRY,
    GAIN,
    LEFT,
    MARK,
    MODEL,
    ORDER_MODEL,
    PAID,
    RECEIVED,
    SUM_BARS,
    SUM_COST,
    SUM_GAIN,
    TRADED,
    TRADES,
    UNITS,
    WINS,
    Book,
)
from pipeline.trading.options import TradingOptions
from pipeline.trading.results import Fills, Trades
from schemas.fields import F8Array, I8Array

_NONE = np.empty(0)
_NO_INTEGERS = np.empty(0, np.int64)
NO_FILLS = Fills(symbol=(), units=_NONE, price=_NONE, commission=_NONE, slippage=_NONE)
NO_TRADES = Trades(
    symbol=(), side=_NO_INTEGERS, units=_NONE, entry_time=_NO_INTEGERS, exit_time=_NO_INTEGERS, entry_price=_NONE,
    exit_price=_NONE, gross=_NONE, costs=_NONE, net=_NONE, bars=_NO_INTEGERS, model=(),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Traded:
    """One round of fills: the currency traded at the fills' prices, costs, and orders that limits cut or refused."""

    fills: Fills = NO_FILLS
    trades: Trades = NO_TRADES
    amount: float = 0.0
    commission: float = 0.0
    slippage: float = 0.0
    cut: int = 0
    refused: int = 0


def fill(
    book: Book, places: I8Array, target: F8Array, event_time: int, options: TradingOptions
) -> tuple[Fills, Trades]:
    """Trade the symbols at sorted ``places`` to ``target`` units, at their marks plus slippage.

    The marks must be the prices of the fill: the book's profit up to there is in it already. Costs are booked here
    and must be taken off the equity by the caller.
    """
    moved = np.flatnonzero(target != book.values[UNITS, places])
    if not len(moved):
        return NO_FILLS, NO_TRADES
    places, target = places[moved], target[moved]
    held, price = book.values[UNITS, places], book.values[MARK, places]
    units = target - held
    size = np.abs(units)
    paid = price * (1.0 + np.sign(units) * (options.slippage_bps / 10_000))
    commission = size * paid * (options.commission_bps / 10_000)
    slippage = size * np.abs(paid - price)
    turned = np.sign(target) != np.sign(held)
    closing = np.where(turned, np.abs(held), np.maximum(np.abs(held) - np.abs(target), 0.0))
    share = closing / size  # of this fill: the rest opens or adds
    cost = commission + slippage

    values = book.values
    values[TRADED, places] += size * paid
    values[LEFT, places] += closing
    values[RECEIVED, places] += closing * paid
    values[COST, places] += cost * share
    trades = _close(book, places[turned & (held != 0)], event_time)
    opening = (target != 0) & (turned | (np.abs(target) > np.abs(held)))
    at = places[opening]
    values[ENTERED, at] += (size - closing)[opening]
    values[PAID, at] += ((size - closing) * paid)[opening]
    values[COST, at] += (cost * (1.0 - share))[opening]
    begun = places[opening & turned]
    book.marks[ENTRY, begun] = event_time
    book.marks[MODEL, begun] = book.marks[ORDER_MODEL, begun]
    values[UNITS, places] = target
    fills = Fills(symbol=book.places.names(places), units=units, price=paid, commission=commission, slippage=slippage)
    return fills, trades


def _close(book: Book, places: I8Array, event_time: int) -> Trades:
    """Turn the open trades at ``places`` into rows and sums, and clear them."""
    if not len(places):
        return NO_TRADES
    values, marks = book.values, book.marks
    gross, costs = values[GAIN, places], values[COST, places]
    net = gross - costs
    trades = Trades(
        symbol=book.places.names(places),
        side=np.sign(values[UNITS, places]).astype(np.int64),
        units=values[ENTERED, places],
        entry_time=marks[ENTRY, places],
        exit_time=np.full(len(places), event_time, np.int64),
        entry_price=values[PAID, places] / values[ENTERED, places],
        exit_price=values[RECEIVED, places] / values[LEFT, places],
        gross=gross,
        costs=costs,
        net=net,
        bars=marks[BARS, places],
        model=book.model_names(marks[MODEL, places]),
    )
    values[SUM_GAIN, places] += gross
    values[SUM_COST, places] += costs
    marks[TRADES, places] += 1
    marks[WINS, places] += net > 0
    marks[SUM_BARS, places] += marks[BARS, places]
    for row in (ENTERED, PAID, LEFT, RECEIVED, GAIN, COST):
        values[row, places] = 0.0
    marks[BARS, places] = 0
    return trades
