"""`result.json`: everything about a backtest but its long columns."""

import platform
from dataclasses import asdict
from datetime import date, timedelta
from importlib.metadata import version
from typing import Any

from infra.scoring.numerics import host_fingerprint
from pipeline.drift.results import Insufficient
from pipeline.trading.metrics import PeriodFigures
from pipeline.trading.results import SymbolFigures
from producers.bar_source import BarFile
from signaltape._version import VERSION
from signaltape.backtest.figures import as_document, moment
from signaltape.backtest.request import BacktestRequest
from signaltape.backtest.result import Backtest

#: Raised when a name changes its meaning or goes away.
FORMAT = 1
_PACKAGES = ("numpy", "onnxruntime", "pyarrow")


def document(found: Backtest) -> dict[str, Any]:
    """Plain values for JSON: no NaN, times as ISO-8601 UTC, amounts in currency, shares as fractions of 1."""
    metrics = found.metrics
    return {
        "format": FORMAT,
        "model": found.model,
        "interval": found.interval,
        "first_close": moment(metrics.begin),
        "last_close": moment(metrics.end),
        "sessions": metrics.sessions,
        "sessions_a_year": metrics.periods,
        "notes": list(found.notes),
        "metrics": as_document(metrics),
        "bankrupt_at": moment(metrics.bankrupt_time),
        "refused_splits": list(metrics.refused_splits),
        "counts": asdict(found.counts),
        "request": _request(found.request),
        "begins": {str(partition): begins for partition, begins in sorted(found.begins.items())},
        "by_month": _periods(found.months),
        "by_session": _periods(found.sessions),
        "by_symbol": _symbols(found.by_symbol),
        "information_coefficients": [
            {
                "session": _day(one.session),
                "value": None if isinstance(one.value, Insufficient) else one.value,
                "bar_times": one.times,
                "bar_times_with_too_few_names": one.times_short,
                "names": one.names,
                "pairs": one.pairs,
            }
            for one in found.coefficients
        ],
        "open_positions": len(found.positions),
        "seconds": round(found.seconds, 3),
        "bars_a_second": round(_rate(found)),
        "numerics": host_fingerprint(),
        "versions": {
            "signaltape": VERSION,
            "python": platform.python_version(),
            **{name: version(name) for name in _PACKAGES},
        },
    }


def _rate(found: Backtest) -> float:
    return (found.counts.bars + found.counts.lead_in) / found.seconds if found.seconds > 0 else 0.0


def _request(request: BacktestRequest) -> dict[str, Any]:
    source = request.source
    made: dict[str, Any] = {
        "model": request.choice.model,
        "as_live": request.choice.as_live,
        "from": moment(request.start),
        "to": moment(request.end),
        "source": source if isinstance(source, str) else source.path.name,
        "cold": request.cold,
        "trading": asdict(request.trading),
    }
    if isinstance(source, BarFile):
        made |= {
            "stamp": source.stamp,
            "splits": None if source.splits is None else source.splits.name,
            "lag_ns": source.lag,
        }
    return made


def _periods(found: PeriodFigures) -> list[dict[str, Any]]:
    columns = zip(
        found.name, found.change.tolist(), found.equity.tolist(), found.costs.tolist(), found.traded.tolist(),
        found.trades.tolist(), found.wins.tolist(), strict=True,
    )  # fmt: skip
    names = ("period", "return", "equity", "costs", "traded", "trades", "wins")
    return [dict(zip(names, row, strict=True)) for row in columns]


def _symbols(found: SymbolFigures) -> list[dict[str, Any]]:
    names = ("symbol", "gross", "costs", "net", "trades", "wins", "traded", "bars")
    columns = [getattr(found, name) for name in names]
    rows = zip(columns[0], *(column.tolist() for column in columns[1:]), strict=True)
    return [dict(zip(names, row, strict=True)) for row in rows]


def _day(session: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=session)).isoformat()
