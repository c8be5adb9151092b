"""How a vector lies in Redis: one string a symbol, the same fixed layout for every reader.

========================  ===========================================  =====================
bytes                     what                                         type
========================  ===========================================  =====================
0-7                       event time, ns UTC                           int64
8-15                      source offset in `bars`                      int64
16-23                     available time, ns UTC                       int64
24-31                     close                                        float64
32-35                     width: number of features                    uint32
36 + ceil(width / 8)      validity, least significant bit first        bits
then 8 × width            values, 0 where not valid                    float64
========================  ===========================================  =====================

All little-endian. The first two fields order the rows of a key; the script `newest_first.lua` reads them there.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.engine_types import LatestVectors

_HEAD = 36


def row_type(width: int) -> np.dtype[Any]:
    """The layout for `width` features."""
    return np.dtype(
        [
            ("event_time", "<i8"),
            ("source_offset", "<i8"),
            ("available_time", "<i8"),
            ("close", "<f8"),
            ("width", "<u4"),
            ("valid", "u1", (-(-width // 8),)),
            ("values", "<f8", (width,)),
        ]
    )


def pack(vectors: LatestVectors) -> tuple[bytes, int]:
    """All rows one after the other, and the bytes of one row."""
    kind = row_type(vectors.values.shape[1])
    rows = np.empty(len(vectors.symbols), dtype=kind)
    for name in ("event_time", "source_offset", "available_time", "close", "values"):
        rows[name] = getattr(vectors, name)
    rows["width"] = vectors.values.shape[1]
    rows["valid"] = np.packbits(vectors.valid, axis=1, bitorder="little")
    return rows.tobytes(), kind.itemsize


def unpack(symbols: Sequence[str], rows: Sequence[bytes]) -> LatestVectors:
    """The vectors of `symbols` from their rows, all of one width; ValueError for bytes that are no such row."""
    width = int(np.frombuffer(rows[0], "<u4", 1, _HEAD - 4)[0]) if rows and len(rows[0]) >= _HEAD else 0
    kind = row_type(width)
    for symbol, row in zip(symbols, rows, strict=True):
        if len(row) != kind.itemsize:
            raise ValueError(f"the vector of {symbol!r} has {len(row)} bytes, {kind.itemsize} are expected")
    table = np.frombuffer(b"".join(rows), dtype=kind)
    return LatestVectors(
        symbols=tuple(symbols),
        event_time=table["event_time"].astype(np.int64),
        source_offset=table["source_offset"].astype(np.int64),
        values=table["values"].astype(np.float64).reshape(len(rows), width),
        valid=np.unpackbits(table["valid"], axis=1, count=width, bitorder="little").astype(bool),
        close=table["close"].astype(np.float64),
        available_time=table["available_time"].astype(np.int64),
    )
