"""Rows of a statement as numpy columns, through binary COPY: no Python per row.

Every row has the same width, because no field may be NULL and every array the same length. Numbers that are
undefined travel as NaN, which the tables never hold.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from psycopg import sql

from infra.warehouse.connection import Connection
from infra.warehouse.copy_format import HEADER, TRAILER
from infra.warehouse.errors import WarehouseError

_LENGTH = np.dtype(">i4")


def read_rows(
    connection: Connection, statement: sql.Composable, parameters: Mapping[str, Any], *, integers: int, floats: int
) -> tuple[list[npt.NDArray[np.int64]], npt.NDArray[np.float64]]:
    """Run a statement whose rows are ``integers`` × int8, then one float8[] of ``floats`` elements (none if 0).

    Returns the integer columns, int64 (n,) each, and the floats, float64 (n, floats). Raises WarehouseError if the
    server sends rows of another form.
    """
    wrapped = sql.SQL("COPY ({}) TO STDOUT (FORMAT BINARY)").format(statement)
    with connection.cursor().copy(wrapped, parameters) as copy:
        data = b"".join(bytes(block) for block in copy)
    layout = row_type(integers, floats)
    body = memoryview(data)[len(HEADER) : len(data) - len(TRAILER)]
    if not data.startswith(HEADER[:11]) or len(body) % layout.itemsize:
        raise WarehouseError(f"{len(body)} bytes are not rows of {layout.itemsize} bytes: a field is NULL or too wide")
    rows = np.frombuffer(body, dtype=layout)
    if rows.shape[0] and not (rows["count"] == integers + (floats > 0)).all():
        raise WarehouseError(f"rows do not have {integers + (floats > 0)} fields: a field is NULL or too wide")
    columns = [rows["integers"]["value"][:, place].astype(np.int64) for place in range(integers)]
    if not floats:
        return columns, np.empty((rows.shape[0], 0))
    return columns, rows["items"]["value"].astype(np.float64)


def row_type(integers: int, floats: int) -> np.dtype[Any]:
    """Layout of a row: field count, then length and value of each integer, then an array's head and elements."""
    integer = np.dtype([("length", _LENGTH), ("value", ">i8")])
    fields: list[Any] = [("count", ">i2"), ("integers", integer, (integers,))]
    if floats:
        element = np.dtype([("length", _LENGTH), ("value", ">f8")])
        fields += [("length", _LENGTH), ("head", _LENGTH, (5,)), ("items", element, (floats,))]
    return np.dtype(fields)
