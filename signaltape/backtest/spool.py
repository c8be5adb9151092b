"""Rows that are written while they come: a long backtest needs no more memory than a short one."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Generic, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from signaltape.backtest.columns import Columns, table

_ROWS = 50_000
#: Pieces of single rows weigh far more than their rows.
_PIECES = 4_000
Piece = TypeVar("Piece")


class Spool(Generic[Piece]):
    """One Parquet file, whole at the end or not there at all.

    Pieces of any length are kept as they come; ``columns`` makes columns of many at once. ``distinct`` names the
    texts of which every row has another: a dictionary of them would only cost.
    """

    def __init__(
        self,
        path: Path,
        schema: pa.Schema,
        columns: Callable[[Sequence[Piece]], Columns],
        *,
        distinct: tuple[str, ...] = (),
    ) -> None:
        self.rows = 0
        self._path, self._schema, self._columns = path, schema, columns
        self._draft = path.with_name(f".{path.name}.part")
        shared = [field.name for field in schema if pa.types.is_string(field.type) and field.name not in distinct]
        self._writer: pq.ParquetWriter | None = pq.ParquetWriter(
            self._draft, schema, compression="zstd", use_dictionary=shared
        )
        self._waiting: list[Piece] = []
        self._held = 0

    def add(self, piece: Piece, size: int) -> None:
        """Add a piece of ``size`` rows, which must not change any more."""
        if not size:
            return
        self._waiting.append(piece)
        self.rows += size
        self._held += size
        if self._held >= _ROWS or len(self._waiting) >= _PIECES:
            self._write()

    def close(self) -> None:
        """Write the rest; the file is there."""
        if self._writer is not None:
            self._write()
            self._writer.close()
            self._writer = None
            self._draft.replace(self._path)

    def __enter__(self) -> "Spool[Piece]":
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
        if self._waiting:
            self._writer.write_table(table(self._columns(self._waiting), self._schema))
        self._waiting = []
        self._held = 0
