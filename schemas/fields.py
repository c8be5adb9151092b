"""How a dataclass field travels: the kinds of column that the codec knows.

Scalars (``str``, ``int``, ``float``, ``bool``, ``bytes``, ``tuple[str, ...]``, ``dict``) travel as MessagePack values
and need no mark. Arrays travel as raw little-endian bytes, one mark each:

========  =======================================  ==========================================
mark      in memory                                on the wire
========  =======================================  ==========================================
``F8``    float64, shape (n,)                      8 n bytes
``I8``    int64, shape (n,)                        8 n bytes
``U1``    uint8, shape (n,)                        n bytes
``BITS``  bool, shape (n,)                         packed bits, least significant bit first
``F8X``   float64, shape (n, width), row-major     8 n width bytes
``I8X``   int64, shape (n, width), row-major       8 n width bytes
``BITSX`` bool, shape (n, width), row-major        packed bits over all n width cells
========  =======================================  ==========================================
"""

from dataclasses import field
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

F8Array = npt.NDArray[np.float64]
I8Array = npt.NDArray[np.int64]
U1Array = npt.NDArray[np.uint8]
BoolArray = npt.NDArray[np.bool_]


class Wire(Enum):
    """Mark of an array field; see the table above."""

    F8 = "f8"
    I8 = "i8"
    U1 = "u1"
    BITS = "bits"
    F8X = "f8x"
    I8X = "i8x"
    BITSX = "bitsx"


def column(wire: Wire, rows: str = "symbols", width: str = "") -> Any:
    """Declare an array field: its wire mark, the field whose length is n, and the field that holds the width.

    ``rows`` names a tuple field (its length is n) or an int field (its value is n).
    """
    return field(metadata={"wire": wire, "rows": rows, "width": width})
