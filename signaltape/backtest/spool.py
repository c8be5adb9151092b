"""Rows that are written while they come: a long backtest needs no more memory than a short one."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_ROWS = 50_000
#: ns UTC
MOMENT = pa.timestamp("ns", tz="UTC")

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


class Spool:
    """One Parquet file, whole at the end or not there at all. Columns come in pieces of any length."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.rows = 0
        self._path, self._schema = path, schema
        self._draft = path.with_name(f".{path.name}.part")
        self._writer: pq.ParquetWriter | None = pq.ParquetWriter(self._draft, schema, compression="zstd")
        self._waiting: dict[str, list[Any]] = {name: [] for name in schema.names}
        self._held = 0

    def add(self, columns: Mapping[str, Iterable[Any]], size: int) -> None:
        """Add ``size`` rows."""
        for name, values in self._waiting.items():
            values.extend(columns[name])
        self.rows += size
        self._held += size
        if self._held >= _ROWS:
            self._write()

    def close(self) -> None:
        """Write the rest; the file is there."""
        if self._writer is not None:
            self._write()
            self._writer.close()
            self._writer = None
            self._draft.replace(self._path)

    def __enter__(self) -> "Spool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        elif self._writer is not None:
            self._writer.close()
            self._writer = None
            self._draft.unlink(missing_ok=True)

    def _write(self) -> None:
        assert self._writer is not None
        if self._held:
            arrays = [_array(self._waiting[name], self._schema.field(name).type) for name in self._schema.names]
            self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        self._waiting = {name: [] for name in self._schema.names}
        self._held = 0


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    return pa.array(values, pa.int64()).cast(kind) if kind == MOMENT else pa.array(values, kind)
