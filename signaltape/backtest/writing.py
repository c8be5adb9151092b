"""The files that grow with a backtest: equity, fills, trades, signals."""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from pipeline.trading.results import Fills, Stepped, Trades
from schemas.signal_columns import SignalColumns
from signaltape.backtest.columns import (
    EQUITY,
    FILLS,
    SIGNALS,
    TRADES,
    equity_columns,
    fill_columns,
    signal_columns,
    trade_columns,
)
from signaltape.backtest.sections import BarTime
from signaltape.backtest.spool import Spool


class Writers:
    """Writes ``equity.parquet``, ``fills.parquet``, ``trades.parquet`` and, if wanted, ``signals.parquet``."""

    def __init__(self, folder: Path, *, signals: bool) -> None:
        self._folder, self._wanted = folder, signals
        self._stack = ExitStack()

    def __enter__(self) -> "Writers":
        folder = self._folder
        with ExitStack() as stack:
            self._equity: Spool[tuple[Any, ...]] = stack.enter_context(
                Spool(folder / "equity.parquet", EQUITY, equity_columns)
            )
            self._fills: Spool[tuple[int, Fills]] = stack.enter_context(
                Spool(folder / "fills.parquet", FILLS, fill_columns)
            )
            self._trades: Spool[Trades] = stack.enter_context(Spool(folder / "trades.parquet", TRADES, trade_columns))
            self._signals: Spool[SignalColumns] | None = None
            if self._wanted:
                self._signals = stack.enter_context(
                    Spool(folder / "signals.parquet", SIGNALS, signal_columns, distinct=("signal_id",))
                )
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._stack.__exit__(kind, error, trace)

    def add(self, at: BarTime, stepped: Stepped) -> None:
        """Write what one bar time brought."""
        self._equity.add(tuple(getattr(stepped, name) for name in EQUITY.names), 1)
        for fills in stepped.fills:
            self._fills.add((stepped.event_time, fills), len(fills))
        for trades in stepped.trades:
            self._trades.add(trades, len(trades))
        if self._signals is not None:
            for signals in at.section.signals:
                self._signals.add(signals, len(signals))
