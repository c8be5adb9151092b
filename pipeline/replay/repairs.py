"""A ``StateRepair`` as it stands in the replayed log: the offsets in it are those of the replay."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgpack
import numpy as np

from pipeline.engine_state import OFFSET, OFFSET_, STAMPS
from schemas.bars import StateRepair

#: Places of the arrays in ``dump_interval``'s columns.
_MARKS, _STAMPS = 0, 4


def translated(repair: StateRepair, at_or_before: Callable[[int], int]) -> StateRepair:
    """Return the repair with ``as_of_offset``, and the offsets of the bars in its state, in the replay's count.

    ``at_or_before`` gives the replay's offset of the last message at or before an original one, -1 for none: a state
    as of an offset before the replay's first message is one of no message at all, and every bar that the replay has
    published since is stepped again on top of it. A state that can't be read keeps its bytes: the agent refuses it
    here as it did there.
    """
    as_of = at_or_before(repair.as_of_offset)
    try:
        state = _translated_state(repair.state, at_or_before)
    except (ValueError, TypeError, KeyError, IndexError, msgpack.UnpackException):
        state = repair.state
    return replace(repair, as_of_offset=as_of, state=state)


def _translated_state(data: bytes, at_or_before: Callable[[int], int]) -> bytes:
    body: dict[str, Any] = msgpack.unpackb(data)
    columns = list(body["state"]["columns"])
    marks = np.frombuffer(columns[_MARKS], dtype=np.int64).copy()
    stamps = np.frombuffer(columns[_STAMPS], dtype=np.int64).reshape(-1, STAMPS).copy()
    marks[OFFSET] = at_or_before(int(marks[OFFSET]))
    stamps[:, OFFSET_] = [at_or_before(offset) for offset in stamps[:, OFFSET_].tolist()]
    columns[_MARKS], columns[_STAMPS] = marks.tobytes(), stamps.tobytes()
    body["state"] = body["state"] | {"columns": columns}
    return bytes(msgpack.packb(body))
