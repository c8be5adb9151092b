"""Backtests: the live system's own flow over history, and an account that trades its signals."""

from pipeline.trading.options import TradingOptions
from producers.bar_source import BarFile
from signaltape.backtest.errors import BacktestRefused
from signaltape.backtest.request import BacktestRequest, Choice
from signaltape.backtest.result import Backtest, Moved
from signaltape.backtest.run import backtest
from signaltape.backtest.text import summary

__all__ = [
    "Backtest",
    "BacktestRefused",
    "BacktestRequest",
    "BarFile",
    "Choice",
    "Moved",
    "TradingOptions",
    "backtest",
    "summary",
]
