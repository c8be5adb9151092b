"""The rules of simulated trading once more, one symbol after the other, with cash and units: a slow second opinion."""

import math
from dataclasses import dataclass, field

from pipeline.trading.options import TradingOptions
from pipeline.trading.section import Section
from schemas.bars import Adjustment


@dataclass
class Holding:
    units: float = 0.0
    price: float = math.nan
    time: int = 0
    wish: float | None = None
    asked: float = 0.0
    rank: float = 0.0
    expires: int = 0
    splits: list[Adjustment] = field(default_factory=list)


class ScalarAccount:
    """Follows signals as ``Simulation`` does; ``equity`` is cash plus what the units are worth."""

    def __init__(self, options: TradingOptions) -> None:
        self.options = options
        self.cash = options.capital
        self.holdings: dict[str, Holding] = {}
        self.bankrupt = False

    @property
    def equity(self) -> float:
        return self.cash + math.fsum(one.units * one.price for one in self.holdings.values() if one.units)

    def step(self, section: Section) -> float:
        for split in section.splits:
            one = self.holdings.setdefault(split.symbol, Holding())
            if one.time <= split.effective_time and all(k.effective_time != split.effective_time for k in one.splits):
                one.splits.append(split)
        quotes = {
            symbol: (float(batch.open[row]), float(batch.close[row]))
            for batch in section.bars
            for row, symbol in enumerate(batch.symbols)
        }
        for symbol in quotes:
            one = self.holdings.setdefault(symbol, Holding())
            for split in [known for known in one.splits if known.effective_time < section.event_time]:
                one.splits.remove(split)
                one.units *= split.factor
                one.wish = None if one.wish is None else one.wish * split.factor
            one.time = section.event_time
        opens = self.options.fill == "next_open"
        for symbol, (first, last) in quotes.items():
            self.holdings[symbol].price = first if opens else last
        if self.ruined():
            return self.equity
        self.trade(sorted(quotes), section.event_time)
        for symbol, (_, last) in quotes.items():
            self.holdings[symbol].price = last
        if self.ruined():
            return self.equity
        equity = self.equity
        for columns in section.signals:
            for signal in columns:
                one = self.holdings.get(signal.symbol, Holding())
                if one.time:
                    side = {"long": 1, "short": -1, "flat": 0}[signal.signal]
                    side = 0 if self.options.sides not in ("both", signal.signal) else side
                    weight = side * min(self.options.weight * signal.position_scale, self.options.max_weight)
                    same = one.units * weight > 0 and weight == one.asked
                    wish = self.lots(weight * equity / one.price)
                    one.wish = None if (same and not self.options.rebalance) or (wish == 0 == one.units) else wish
                    one.asked, one.rank, one.expires = weight, abs(signal.score), signal.expires_at
        return equity

    def trade(self, symbols: list[str], now: int) -> None:
        """Fill what is due, closings before openings, the best-ranked first where places are short."""
        options, equity, due = self.options, self.equity, {}
        for symbol in symbols:
            one = self.holdings[symbol]
            if options.expiry == "expire" and one.expires < now and (one.units or one.wish is not None):
                due[symbol] = 0.0
            elif one.wish is not None:
                most = options.max_weight * equity / one.price
                due[symbol] = max(-most, min(most, one.wish))
        rest = [one for symbol, one in self.holdings.items() if symbol not in due and one.units]
        taken = len(rest) + sum(1 for symbol, wish in due.items() if wish and self.holdings[symbol].units)
        for symbol in sorted(due, key=lambda symbol: (-self.holdings[symbol].rank, symbol)):
            if due[symbol] and not self.holdings[symbol].units and options.max_positions:
                if taken >= options.max_positions:
                    due[symbol] = 0.0
                else:
                    taken += 1
        stays, grows = {}, {}
        for symbol, wish in due.items():
            one = self.holdings[symbol]
            stays[symbol] = math.copysign(min(abs(wish), abs(one.units)), wish) if wish * one.units > 0 else 0.0
            grows[symbol] = wish - stays[symbol]
        gross = math.fsum(abs(one.units * one.price) for one in rest)
        gross += math.fsum(abs(units) * self.holdings[symbol].price for symbol, units in stays.items())
        more = math.fsum(abs(units) * self.holdings[symbol].price for symbol, units in grows.items())
        room = max(options.max_gross * equity - gross, 0.0)
        share = min(1.0, room / more) if more else 0.0
        for symbol in due:
            self.move(self.holdings[symbol], self.lots(stays[symbol] + share * grows[symbol]))

    def move(self, one: Holding, units: float) -> None:
        more = units - one.units
        price = one.price * (1 + math.copysign(self.options.slippage_bps / 10_000, more))
        self.cash -= more * price + abs(more) * price * self.options.commission_bps / 10_000
        one.units, one.wish = units, None

    def lots(self, units: float) -> float:
        lot = self.options.lot
        return units if lot == 0 else math.copysign(math.floor(abs(units) / lot + 1e-9), units) * lot

    def ruined(self) -> bool:
        if not self.bankrupt and self.equity <= 0:
            self.bankrupt = True
            for one in self.holdings.values():
                if one.units:
                    self.move(one, 0.0)
        return self.bankrupt
