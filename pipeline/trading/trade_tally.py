"""Figures of closed trades, gathered as they close."""

from dataclasses import dataclass

import numpy as np

from pipeline.drift.results import Insufficient
from pipeline.trading.results import Trades


@dataclass(frozen=True, kw_only=True, slots=True)
class TradeFigures:
    """Of ``n`` closed trades; amounts are net, in currency.

    ``mean_win`` and ``mean_loss`` (0 or below) are over trades with net above 0, and over the others; None without
    any. ``profit_factor``: what winners made over what the others lost; None where nothing was lost. ``mean_bars``:
    closes at which a trade was held. ``long`` and ``short`` count them.
    """

    n: int
    mean: float
    mean_win: float | None
    mean_loss: float | None
    best: float
    worst: float
    profit_factor: float | None
    mean_bars: float
    long: int
    short: int


class TradeTally:
    """Sums over closed trades."""

    def __init__(self) -> None:
        self.n = self.wins = 0
        self._won = self._lost = 0.0
        self._best, self._worst = -np.inf, np.inf
        self._bars = self._long = 0

    def add(self, trades: Trades) -> int:
        """Take what closed at one bar time, one trade at least; returns how many of them won."""
        won = trades.net > 0
        wins = int(np.count_nonzero(won))
        self.n += len(trades)
        self.wins += wins
        self._won += float(np.add.reduce(np.where(won, trades.net, 0.0)))
        self._lost += float(np.add.reduce(np.where(won, 0.0, trades.net)))
        self._best = max(self._best, float(trades.net.max()))
        self._worst = min(self._worst, float(trades.net.min()))
        self._bars += int(trades.bars.sum())
        self._long += int(np.count_nonzero(trades.side > 0))
        return wins

    def result(self) -> TradeFigures | Insufficient:
        """What was seen up to now."""
        if not self.n:
            return Insufficient(n=0, minimum=1, reason="no trade was closed")
        losses = self.n - self.wins
        return TradeFigures(
            n=self.n,
            mean=(self._won + self._lost) / self.n,
            mean_win=self._won / self.wins if self.wins else None,
            mean_loss=self._lost / losses if losses else None,
            best=self._best,
            worst=self._worst,
            profit_factor=self._won / -self._lost if self._lost < 0 else None,
            mean_bars=self._bars / self.n,
            long=self._long,
            short=self.n - self._long,
        )
