"""Backtests: the live system's own flow over history, and an account that trades its signals."""

from signaltape.backtest.errors import BacktestRefused
from signaltape.backtest.request import BacktestRequest, Choice
from signaltape.backtest.run import Backtest, backtest

__all__ = ["Backtest", "BacktestRefused", "BacktestRequest", "Choice", "backtest"]
