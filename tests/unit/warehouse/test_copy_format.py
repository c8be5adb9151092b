"""Bulk rows, byte for byte, against an encoder that writes one field after the other with struct."""

from struct import pack

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from infra.warehouse.copy_format import (
    FLOAT8,
    INT2,
    INT4,
    OIDS,
    Array,
    Column,
    Number,
    Text,
    encode_rows,
    float_array,
    time_array,
    times,
)
from infra.warehouse.queries import queries
from infra.warehouse.signal_rows import text_array

EPOCH_US = 946_684_800_000_000


def field(data: bytes | None) -> bytes:
    return pack(">i", -1) if data is None else pack(">i", len(data)) + data


def array(elements: list[bytes | None], oid: int) -> bytes:
    head = pack(">iiiii", 1, int(None in elements), oid, len(elements), 1)
    return head + b"".join(map(field, elements))


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[Column], list[list[bytes | None]]]:
    """Columns of every kind with the fields that each row must have."""
    n, width = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    floats = st.floats(allow_nan=False)
    texts = draw(st.lists(st.text(max_size=5), min_size=n, max_size=n))
    blobs = draw(st.lists(st.binary(max_size=4), min_size=n, max_size=n))
    numbers = draw(st.lists(floats, min_size=n, max_size=n))
    valid = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    matrix = [draw(st.lists(floats, min_size=width, max_size=width)) for _ in range(n)]
    present = [draw(st.lists(st.booleans(), min_size=width, max_size=width)) for _ in range(n)]
    whole = [[row[0] or not any(row), *row[1:]] for row in present]  # a ragged row has an element
    moments = [[draw(st.integers(0, 2**60)) for _ in range(width)] for _ in range(n)]
    columns: list[Column] = [
        Text.of(texts),
        Text.of_bytes(blobs),
        Number(values=np.array(numbers), kind=FLOAT8, valid=np.array(valid)),
        Number(values=np.arange(n), kind=INT4),
        float_array(np.array(matrix), np.array(present)),
        time_array(np.array(moments), np.array(whole)),
        Array(values=np.zeros((n, width)), present=np.array(whole), kind=INT2, oid=OIDS["int2"], ragged=True),
    ]
    rows: list[list[bytes | None]] = [
        [
            texts[row].encode(),
            blobs[row],
            pack(">d", numbers[row]) if valid[row] else None,
            pack(">i", row),
            array(
                [pack(">d", x) if p else None for x, p in zip(matrix[row], present[row], strict=True)],
                OIDS["float8"],
            ),
            array(
                [pack(">q", -(-x // 1000) - EPOCH_US) for x, p in zip(moments[row], whole[row], strict=True) if p],
                OIDS["timestamptz"],
            ),
            array([pack(">h", 0) for p in whole[row] if p], OIDS["int2"]),
        ]
        for row in range(n)
    ]
    return columns, rows


@given(tables())
def test_rows_are_those_of_a_field_by_field_encoder(
    table: tuple[list[Column], list[list[bytes | None]]],
) -> None:
    columns, rows = table
    with np.errstate(invalid="ignore"):
        encoded = encode_rows(columns)
    assert encoded == b"".join(pack(">h", len(row)) + b"".join(map(field, row)) for row in rows)


def test_times_finer_than_a_microsecond_are_rounded_up() -> None:
    values = times(np.array([1_700_000_000_000_000_001, 1_700_000_000_000_001_000])).values
    assert values.tolist() == [1_700_000_000_000_001 - EPOCH_US] * 2


def test_text_arrays() -> None:
    assert text_array(("a", "bc")) == array([b"a", b"bc"], 25)
    assert text_array(()) == pack(">iii", 0, 0, 25)


def test_every_file_of_queries_parses() -> None:
    for group in ("checkpoints", "features", "migrations", "online", "reconcile", "repair", "store"):
        assert all(statement for statement in queries(group).values())
