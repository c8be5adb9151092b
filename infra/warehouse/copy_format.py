"""Rows as PostgreSQL's binary COPY format, built a column at a time with numpy.

A row is a field count (int16), then for each field its length (int32, -1 for NULL) and its bytes, all big-endian.
Every row is laid out at the same width first, with room for the longest text and every array element; the bytes
that a row does not use are then cut out by one boolean mask. No Python runs per row.

The format is described in PostgreSQL's manual under COPY, "Binary Format"; arrays in `array_recv` of its source.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from schemas.fields import BoolArray, F8Array, I8Array

Bytes = npt.NDArray[np.bytes_]
Structured = npt.NDArray[Any]

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
#: 2000-01-01 UTC, where PostgreSQL counts microseconds from, in microseconds since 1970.
POSTGRES_EPOCH_US = 946_684_800_000_000

_LENGTH = np.dtype(">i4")
INT2, INT4, INT8, FLOAT8 = (np.dtype(code) for code in (">i2", ">i4", ">i8", ">f8"))
BOOL = np.dtype("u1")
#: Type ids of array elements.
OIDS = {"int2": 21, "float8": 701, "timestamptz": 1184}


class Column(Protocol):
    """One column of n rows. dtype: the room that a field takes, its length included."""

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def fill(self, room: Structured) -> None:
        """Write lengths and values into `room`, shape (n,)."""

    def keep(self) -> BoolArray | None:
        """Which bytes of the room belong to the row, shape (n, itemsize); None if all do."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Number:
    """Values of one fixed size; NULL where `valid` is False."""

    values: npt.NDArray[Any]
    kind: np.dtype[Any]
    valid: BoolArray | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype([("length", _LENGTH), ("value", self.kind)])

    def fill(self, room: Structured) -> None:
        size = self.kind.itemsize
        room["length"] = size if self.valid is None else np.where(self.valid, size, -1)
        room["value"] = self.values

    def keep(self) -> BoolArray | None:
        if self.valid is None or self.valid.all():
            return None
        mask = np.ones((self.valid.shape[0], self.dtype.itemsize), dtype=bool)
        mask[:, 4:] = self.valid[:, None]
        return mask


@dataclass(frozen=True, kw_only=True, eq=False)
class Text:
    """Texts or bytes: padded to one width in `values`, their true lengths beside them (a text may end in zeros)."""

    values: Bytes
    lengths: I8Array

    @classmethod
    def of(cls, texts: Sequence[str]) -> Self:
        """The column of these texts, encoded as UTF-8."""
        return cls.of_bytes([text.encode() for text in texts])

    @classmethod
    def of_bytes(cls, values: Sequence[bytes]) -> Self:
        """The column of these bytes."""
        lengths = np.fromiter(map(len, values), dtype=np.int64, count=len(values))
        return cls(values=np.array(values, dtype=f"S{max(1, int(lengths.max(initial=0)))}"), lengths=lengths)

    @classmethod
    def joined(cls, parts: Sequence["Text"]) -> Self:
        """The rows of all parts, one part after the other."""
        return cls(
            values=np.concatenate([part.values for part in parts]),
            lengths=np.concatenate([part.lengths for part in parts]),
        )

    def take(self, rows: npt.NDArray[np.intp] | I8Array) -> Self:
        """The column at these rows."""
        return type(self)(values=self.values[rows], lengths=self.lengths[rows])

    def repeat(self, counts: I8Array) -> Self:
        """Each row as often as its count says."""
        return type(self)(values=np.repeat(self.values, counts), lengths=np.repeat(self.lengths, counts))

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype([("length", _LENGTH), ("value", f"S{max(1, int(self.lengths.max(initial=0)))}")])

    def fill(self, room: Structured) -> None:
        room["length"] = self.lengths
        room["value"] = self.values

    def keep(self) -> BoolArray | None:
        width = self.dtype.itemsize
        if (self.lengths == width - 4).all():
            return None
        return np.arange(width)[None, :] < (self.lengths + 4)[:, None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Array:
    """One-dimensional arrays, `values` of shape (n, width); at least one element a row.

    Elements where `present` is False are NULL, or with `ragged` are left out, which makes the array shorter.
    """

    values: npt.NDArray[Any]
    present: BoolArray
    kind: np.dtype[Any]
    oid: int
    ragged: bool = False

    @property
    def dtype(self) -> np.dtype[Any]:
        element = np.dtype([("length", _LENGTH), ("value", self.kind)])
        return np.dtype([("length", _LENGTH), ("head", _LENGTH, (5,)), ("items", element, (self.values.shape[1],))])

    def fill(self, room: Structured) -> None:
        width, size = self.values.shape[1], self.kind.itemsize
        count = self.present.sum(axis=1)
        dimension = count if self.ragged else np.full(count.shape, width)
        room["length"] = 20 + 4 * dimension + size * count
        head = room["head"]
        head[:, 0] = 1
        head[:, 1] = count < dimension
        head[:, 2] = self.oid
        head[:, 3] = dimension
        head[:, 4] = 1
        items = room["items"]
        items["length"] = np.where(self.present, size, -1)
        items["value"] = self.values

    def keep(self) -> BoolArray | None:
        if self.present.all():
            return None
        mask = np.ones((self.values.shape[0], self.dtype.itemsize), dtype=bool)
        items = mask[:, 24:].reshape(*self.values.shape, 4 + self.kind.itemsize)
        items[:, :, 0 if self.ragged else 4 :] = self.present[:, :, None]
        return mask


def times(values: I8Array) -> Number:
    """Times in ns UTC as `timestamptz`: whole microseconds, a finer part rounded up (never known too early)."""
    return Number(values=-(-values // 1000) - POSTGRES_EPOCH_US, kind=INT8)


def time_array(values: I8Array, present: BoolArray) -> Array:
    """Ragged arrays of times, shape (n, width), ns UTC."""
    moments = -(-values // 1000) - POSTGRES_EPOCH_US
    return Array(values=moments, present=present, kind=INT8, oid=OIDS["timestamptz"], ragged=True)


def float_array(values: F8Array, present: BoolArray, *, ragged: bool = False) -> Array:
    """Arrays of double precision, shape (n, width)."""
    return Array(values=values, present=present, kind=FLOAT8, oid=OIDS["float8"], ragged=ragged)


def encode_rows(columns: Sequence[Column]) -> bytes:
    """Return the rows of these columns (all of one length) as COPY data, without header and trailer."""
    layout = [("count", INT2), *((str(place), column.dtype) for place, column in enumerate(columns))]
    record = np.dtype(layout)
    keeps = [column.keep() for column in columns]
    rows = np.empty(_length(columns), dtype=record)
    rows["count"] = len(columns)
    for place, column in enumerate(columns):
        column.fill(rows[str(place)])
    if all(keep is None for keep in keeps):
        return rows.tobytes()
    mask = np.ones((rows.shape[0], record.itemsize), dtype=bool)
    at = INT2.itemsize
    for column, keep in zip(columns, keeps, strict=True):
        end = at + column.dtype.itemsize
        if keep is not None:
            mask[:, at:end] = keep
        at = end
    return rows.view(np.uint8).reshape(mask.shape)[mask].tobytes()


def _length(columns: Sequence[Column]) -> int:
    first = columns[0]
    return int(first.lengths.shape[0] if isinstance(first, Text) else first.values.shape[0])  # type: ignore[attr-defined]
