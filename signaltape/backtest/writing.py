"""The files that grow with a backtest: equity, fills, trades, signals."""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from pipeline.trading.results import Stepped
from schemas.signals import SIGNALS as DIRECTIONS
from signaltape.backtest.sections import BarTime
from signaltape.backtest.spool import EQUITY, FILLS, SIGNALS, TRADES, Spool


class Writers:
    """Writes ``equity.parquet``, ``fills.parquet``, ``trades.parquet`` and, if wanted, ``signals.parquet``."""

    def __init__(self, folder: Path, *, signals: bool) -> None:
        self._folder, self._wanted = folder, signals
        self._stack = ExitStack()

    def __enter__(self) -> "Writers":
        with ExitStack() as stack:
            self._equity = stack.enter_context(Spool(self._folder / "equity.parquet", EQUITY))
            self._fills = stack.enter_context(Spool(self._folder / "fills.parquet", FILLS))
            self._trades = stack.enter_context(Spool(self._folder / "trades.parquet", TRADES))
            self._signals = (
                stack.enter_context(Spool(self._folder / "signals.parquet", SIGNALS)) if self._wanted else None
            )
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._stack.__exit__(kind, error, trace)

    def add(self, at: BarTime, stepped: Stepped) -> None:
        """Write what one bar time brought."""
        self._equity.add({name: (getattr(stepped, name),) for name in EQUITY.names}, 1)
        for fills in stepped.fills:
            columns = {name: getattr(fills, name) for name in FILLS.names if name != "event_time"}
            self._fills.add(columns | {"event_time": (stepped.event_time,) * len(fills)}, len(fills))
        for trades in stepped.trades:
            self._trades.add({name: getattr(trades, name) for name in TRADES.names}, len(trades))
        if self._signals is not None:
            self._add_signals(self._signals, at)

    @staticmethod
    def _add_signals(spool: Spool, at: BarTime) -> None:
        for one in at.section.signals:
            terms = [one.terms[place] for place in one.term.tolist()]
            columns = {
                "signal_id": one.signal_id,
                "symbol": one.symbol,
                "event_time": (one.event_time,) * len(one),
                "signal": [DIRECTIONS[code] for code in one.direction.tolist()],
                "score": one.score,
                "confidence": one.confidence,
                "reference_price": one.reference_price,
                "position_scale": one.position_scale,
                "horizon": [term.horizon for term in terms],
                "expires_at": [term.expires_at for term in terms],
                "strategy": (one.strategy,) * len(one),
                "models": [term.models for term in terms],
                "model": [term.model for term in terms],
                "model_version": [term.model_version for term in terms],
                "reason": [term.reason for term in terms],
            }
            spool.add(columns, len(one))
