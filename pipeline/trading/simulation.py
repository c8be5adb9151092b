"""A simulated account that trades signals: stepped by bar times, the whole cross-section at once."""

import math

import numpy as np

from pipeline.trading.book import (
    BARS,
    COST,
    ENTERED,
    ENTRY,
    EXPIRES,
    GAIN,
    LAST,
    MARK,
    MODEL,
    PAID,
    PRIORITY,
    SUM_BARS,
    SUM_COST,
    SUM_GAIN,
    TARGET,
    TRADED,
    TRADES,
    UNITS,
    WAITING,
    WINS,
    Book,
)
from pipeline.trading.decisions import decide
from pipeline.trading.execution import Traded, fill
from pipeline.trading.limits import Due, limited
from pipeline.trading.options import TradingOptions
from pipeline.trading.quotes import Quotes, quote
from pipeline.trading.results import Positions, Stepped, SymbolFigures
from pipeline.trading.section import Section
from pipeline.trading.splits import PendingSplits
from schemas.fields import F8Array, I8Array


class Simulation:
    """An account of ``options.capital`` that follows signals. Memory grows with symbols, not with time.

    The equity moves by what positions earn from price to price and by costs, never by re-valuing cash and units: so
    a split changes no bit of it, and constant prices without costs earn exactly 0.
    """

    def __init__(self, options: TradingOptions) -> None:
        self.options = options
        self.equity = options.capital
        self.bankrupt = False
        self._book = Book()
        self._splits = PendingSplits()
        self._time: int | None = None
        self._interval: str | None = None

    def step(self, section: Section) -> Stepped:
        """Take one bar time, later than the one before.

        1. Splits that took effect rescale units, orders and reference prices.
        2. Positions earn from their last close to the fill's price (open or close of this bar).
        3. Orders of earlier bar times fill there, within the limits; what has expired closes.
        4. Positions earn from there to the close.
        5. The signals made at this bar time become orders for later ones.

        Where the equity is 0 or less after 2 or 4, everything is closed at that price, and nothing trades any more.
        Raises ValueError for a time that does not follow, another interval, a symbol with two bars or two signals,
        or signals of another bar time.
        """
        self._check(section)
        now, book = section.event_time, self._book
        refused = self._splits.receive(section.splits, book.places, book.marks[LAST])
        quotes = quote(book, section)
        for place, factor in self._splits.due(book.places, book.marks[LAST], now):
            book.split(place, factor)
        at_open = self.options.fill == "next_open"
        self._value(quotes, quotes.open if at_open else quotes.close)
        traded = [self._close_all(now) if self.equity <= 0 else self._trade(quotes, now)]
        if at_open:
            self._value(quotes, quotes.close)
        if self.equity <= 0:
            traded.append(self._close_all(now))
        book.marks[BARS, quotes.rows] += book.values[UNITS, quotes.rows] != 0
        unpriced = 0
        if section.signals and not self.bankrupt:
            unpriced = decide(book, section.signals, self.equity, self.options)
        return self._line(now, traded, unpriced, refused)

    @property
    def symbols(self) -> int:
        """Symbols that had a bar so far."""
        return len(self._book.places)

    def positions(self) -> Positions:
        """Open positions after the last bar time."""
        values, marks = self._book.values, self._book.marks
        at = np.flatnonzero(values[UNITS])
        value = values[UNITS, at] * values[MARK, at]
        return Positions(
            symbol=self._book.places.names(at),
            units=values[UNITS, at],
            price=values[MARK, at],
            value=value,
            weight=value / self.equity,
            entry_time=marks[ENTRY, at],
            entry_price=values[PAID, at] / values[ENTERED, at],
            gross=values[GAIN, at],
            costs=values[COST, at],
            bars=marks[BARS, at],
            model=self._book.model_names(marks[MODEL, at]),
        )

    def by_symbol(self) -> SymbolFigures:
        """Sums by symbol up to the last bar time."""
        values, marks = self._book.values, self._book.marks
        at = np.flatnonzero(values[TRADED])
        gross = values[SUM_GAIN, at] + values[GAIN, at]
        costs = values[SUM_COST, at] + values[COST, at]
        return SymbolFigures(
            symbol=self._book.places.names(at),
            gross=gross,
            costs=costs,
            net=gross - costs,
            trades=marks[TRADES, at],
            wins=marks[WINS, at],
            traded=values[TRADED, at],
            bars=marks[SUM_BARS, at] + marks[BARS, at],
        )

    def _check(self, section: Section) -> None:
        now = section.event_time
        if self._time is not None and now <= self._time:
            raise ValueError(f"bar time {now} does not follow {self._time}: give bar times in order, each once")
        for batch in section.bars:
            if batch.event_time != now:
                raise ValueError(f"a batch of bars closes at {batch.event_time}, its section at {now}")
        for one in section.signals:
            if one.event_time != now:
                raise ValueError(f"signals of {one.event_time} can't be decided at {now}: give them with their bars")
        intervals = [batch.interval for batch in section.bars] + [one.interval for one in section.signals]
        for interval in intervals:
            self._interval = self._interval or interval
            if interval != self._interval:
                raise ValueError(f"{interval} after {self._interval}: simulate bars and signals of one interval")
        self._time = now

    def _value(self, quotes: Quotes, price: F8Array) -> None:
        """Let positions earn up to ``price``."""
        values, rows = self._book.values, quotes.rows
        gain = values[UNITS, rows] * (price - values[MARK, rows])
        values[GAIN, rows] += gain
        values[MARK, rows] = price
        self.equity += float(np.add.reduce(gain))

    def _trade(self, quotes: Quotes, now: int) -> Traded:
        """Fill what is due at the marks of ``quotes``."""
        values, marks, rows = self._book.values, self._book.marks, quotes.rows
        waits = marks[WAITING, rows] != 0
        void = np.zeros(len(waits), np.bool_)
        if self.options.expiry == "expire":
            void = (marks[EXPIRES, rows] < now) & (waits | (values[UNITS, rows] != 0))
        index = np.flatnonzero(waits | void)
        if not len(index):
            return Traded()
        places = quotes.places[index]
        asked = np.where(void[index], 0.0, values[TARGET, places])
        size = np.abs(values[UNITS] * values[MARK])
        size[places] = 0.0
        due = Due(
            held=values[UNITS, places],
            target=asked,
            price=values[MARK, places],
            priority=values[PRIORITY, places],
            equity=self.equity,
            other_gross=float(np.add.reduce(size)),
            other_held=int(np.count_nonzero(size)),
        )
        target = limited(due, self.options)
        marks[WAITING, places] = 0
        less = np.abs(target) < np.abs(asked)
        refused = int(np.count_nonzero(less & (target == 0)))
        return self._fill(places, target, now, cut=int(np.count_nonzero(less)) - refused, refused=refused)

    def _close_all(self, now: int) -> Traded:
        """Bankruptcy: close every position at its mark; orders that wait are never looked at again."""
        self.bankrupt = True
        places = np.flatnonzero(self._book.values[UNITS])
        return self._fill(places, np.zeros(len(places)), now)

    def _fill(self, places: I8Array, target: F8Array, now: int, *, cut: int = 0, refused: int = 0) -> Traded:
        fills, trades = fill(self._book, places, target, now, self.options)
        commission, slippage = float(np.add.reduce(fills.commission)), float(np.add.reduce(fills.slippage))
        self.equity -= commission + slippage
        return Traded(
            fills=fills,
            trades=trades,
            amount=float(np.add.reduce(np.abs(fills.units) * fills.price)),
            commission=commission,
            slippage=slippage,
            cut=cut,
            refused=refused,
        )

    def _line(self, now: int, traded: list[Traded], unpriced: int, splits: tuple[str, ...]) -> Stepped:
        value = self._book.values[UNITS] * self._book.values[MARK]
        net = float(np.add.reduce(value))
        return Stepped(
            event_time=now,
            equity=self.equity,
            cash=self.equity - net,
            gross_exposure=float(np.add.reduce(np.abs(value))),
            net_exposure=net,
            traded=math.fsum(one.amount for one in traded),
            commission=math.fsum(one.commission for one in traded),
            slippage=math.fsum(one.slippage for one in traded),
            held=int(np.count_nonzero(value)),
            fills=tuple(one.fills for one in traded if len(one.fills)),
            trades=tuple(one.trades for one in traded if len(one.trades)),
            cut=sum(one.cut for one in traded),
            refused=sum(one.refused for one in traded),
            unpriced=unpriced,
            refused_splits=splits,
            bankrupt=self.bankrupt,
        )
