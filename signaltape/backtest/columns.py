"""From what a backtest hands out to columns of a file: many bar times at once, without a Python object a row."""

from collections.abc import Mapping, Sequence
from itertools import chain, repeat
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.trading.results import Fills, Positions, Trades
from schemas.fields import I8Array
from schemas.signal_columns import SignalColumns
from schemas.signals import SIGNALS as DIRECTIONS

#: ns UTC
MOMENT = pa.timestamp("ns", tz="UTC")
Columns = Mapping[str, Any]

EQUITY = pa.schema([
    ("event_time", MOMENT), ("equity", pa.float64()), ("cash", pa.float64()), ("gross_exposure", pa.float64()),
    ("net_exposure", pa.float64()), ("traded", pa.float64()), ("commission", pa.float64()),
    ("slippage", pa.float64()), ("held", pa.int64()),
])  # fmt: skip
FILLS = pa.schema([
    ("event_time", MOMENT), ("symbol", pa.string()), ("units", pa.float64()), ("price", pa.float64()),
    ("commission", pa.float64()), ("slippage", pa.float64()),
])  # fmt: skip
TRADES = pa.schema([
    ("symbol", pa.string()), ("side", pa.int64()), ("units", pa.float64()), ("entry_time", MOMENT),
    ("exit_time", MOMENT), ("entry_price", pa.float64()), ("exit_price", pa.float64()), ("gross", pa.float64()),
    ("costs", pa.float64()), ("net", pa.float64()), ("bars", pa.int64()), ("model", pa.string()),
])  # fmt: skip
POSITIONS = pa.schema([
    ("symbol", pa.string()), ("units", pa.float64()), ("price", pa.float64()), ("value", pa.float64()),
    ("weight", pa.float64()), ("entry_time", MOMENT), ("entry_price", pa.float64()), ("gross", pa.float64()),
    ("costs", pa.float64()), ("bars", pa.int64()), ("model", pa.string()),
])  # fmt: skip
SIGNALS = pa.schema([
    ("signal_id", pa.string()), ("symbol", pa.string()), ("event_time", MOMENT), ("signal", pa.string()),
    ("score", pa.float64()), ("confidence", pa.float64()), ("reference_price", pa.float64()),
    ("position_scale", pa.float64()), ("horizon", pa.int64()), ("expires_at", MOMENT), ("strategy", pa.string()),
    ("models", pa.list_(pa.string())), ("model", pa.string()), ("model_version", pa.int64()), ("reason", pa.string()),
])  # fmt: skip


def equity_columns(lines: Sequence[tuple[Any, ...]]) -> Columns:
    """Account lines, each with the values of ``EQUITY`` in its order."""
    return dict(zip(EQUITY.names, zip(*lines, strict=True), strict=True))


def fill_columns(pieces: Sequence[tuple[int, Fills]]) -> Columns:
    """Fills, each piece with its bar time (ns UTC)."""
    fills = [one for _, one in pieces]
    return {
        "event_time": _repeated([time for time, _ in pieces], fills),
        "symbol": _texts(one.symbol for one in fills),
        **_numbers(fills, ("units", "price", "commission", "slippage")),
    }


def trade_columns(pieces: Sequence[Trades]) -> Columns:
    """Closed trades."""
    return _records(pieces, TRADES)


def position_columns(pieces: Sequence[Positions]) -> Columns:
    """Open positions."""
    return _records(pieces, POSITIONS)


def signal_columns(pieces: Sequence[SignalColumns]) -> Columns:
    """Signals; what many of them share is looked up by code, once for all of a file's part."""
    terms = [term for one in pieces for term in one.terms]
    before = np.cumsum([0, *(len(one.terms) for one in pieces)])
    places = np.concatenate([one.term + at for one, at in zip(pieces, before[:-1].tolist(), strict=True)])

    def shared(name: str) -> pa.Array:
        values = pa.array([getattr(term, name) for term in terms], _plain(SIGNALS.field(name).type))
        return values.take(pa.array(places))

    return {
        "signal_id": _texts(one.signal_id for one in pieces),
        "symbol": _texts(one.symbol for one in pieces),
        "event_time": _repeated([one.event_time for one in pieces], pieces),
        "signal": pa.array(DIRECTIONS).take(pa.array(np.concatenate([one.direction for one in pieces]))),
        "strategy": _texts(repeat(one.strategy, len(one)) for one in pieces),
        **_numbers(pieces, ("score", "confidence", "reference_price", "position_scale")),
        **{name: shared(name) for name in ("horizon", "expires_at", "models", "model", "model_version", "reason")},
    }


def table(columns: Columns, schema: pa.Schema) -> pa.Table:
    """Columns as a table of ``schema``; moments come as int64 ns."""
    arrays = [_array(columns[field.name], field.type) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _array(values: Any, kind: pa.DataType) -> pa.Array:
    if isinstance(values, pa.Array):
        return values.cast(kind)
    made = pa.array(values, _plain(kind))
    return made.cast(kind) if kind == MOMENT else made


def _plain(kind: pa.DataType) -> pa.DataType:
    return pa.int64() if kind == MOMENT else kind


def _numbers(pieces: Sequence[Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: np.concatenate([getattr(one, name) for one in pieces]) for name in names}


def _records(pieces: Sequence[Any], schema: pa.Schema) -> Columns:
    texts = [field.name for field in schema if field.type == pa.string()]
    return {
        **{name: _texts(getattr(one, name) for one in pieces) for name in texts},
        **_numbers(pieces, [name for name in schema.names if name not in texts]),
    }


def _texts(parts: Any) -> pa.Array:
    return pa.array(list(chain.from_iterable(parts)), pa.string())


def _repeated(times: list[int], pieces: Sequence[Any]) -> I8Array:
    return np.repeat(np.array(times, np.int64), [len(one) for one in pieces])
