"""Repair requests in the warehouse: what is asked for, what a recomputation needs, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from infra.warehouse.checkpoints import revision_of
from infra.warehouse.connection import Connection
from infra.warehouse.moments import to_moment, to_nanoseconds
from infra.warehouse.queries import queries
from pipeline.engine_symbol import state_since
from pipeline.recompute import History
from schemas.bars import Adjustment, StateRepair
from schemas.codec import decode


@dataclass(frozen=True, kw_only=True, slots=True)
class RepairTask:
    """Open requests of one symbol and interval, answered together by its state as of the newest one.

    ``ids`` in the log's order. ``generation``, ``as_of``: place of the newest request in the log. ``since``: lowest
    event time (ns UTC) from which derived rows are to be made again.
    """

    partition: int
    symbol: str
    interval: str
    ids: tuple[int, ...]
    generation: int
    as_of: int
    since: int

    @property
    def revision(self) -> int:
        """Revision of the rows that the repair writes: that of the newest correcting message."""
        return revision_of(self.generation, self.as_of)

    def place(self, first_generation: int) -> dict[str, Any]:
        """The values that the named queries take."""
        return {
            "partition": self.partition,
            "symbol": self.symbol,
            "interval": self.interval,
            "as_of": self.as_of,
            "since": to_moment(self.since),
            "revision": self.revision,
            "first_generation": first_generation,
        }


@dataclass(frozen=True, kw_only=True)
class Correction:
    """One request as people see it. ``duration_s``: from its arrival until it was worked off, None while open."""

    symbol: str
    interval: str
    event_time: datetime
    reason: str
    status: str
    feature_rows: int
    return_rows: int
    requested_at: datetime
    duration_s: float | None
    partition: int
    source_offset: int
    as_of_offset: int | None
    detail: str


def open_tasks(connection: Connection) -> list[RepairTask]:
    """All open requests, grouped; a later generation's request is the newer one whatever its offset."""
    groups: dict[tuple[int, str, str], list[tuple[int, int, int, int]]] = {}
    for number, generation, partition, offset, symbol, interval, time in connection.execute(
        queries("corrections")["open"]
    ):
        one = (generation, offset, number, to_nanoseconds(time))
        groups.setdefault((partition, symbol, interval), []).append(one)
    tasks = []
    for (partition, symbol, interval), found in groups.items():
        found.sort(key=lambda one: (one[1], one[0]))
        tasks.append(
            RepairTask(
                partition=partition,
                symbol=symbol,
                interval=interval,
                ids=tuple(number for _, _, number, _ in found),
                generation=found[-1][0],
                as_of=found[-1][1],
                since=min(time for _, _, _, time in found),
            )
        )
    return tasks


def source_of(connection: Connection, task: RepairTask) -> str | None:
    """Return the source that a symbol's features are made of, None if no bar of it is stored."""
    row = connection.execute(queries("corrections")["source"], task.place(0)).fetchone()
    return None if row is None else str(row[0])


def stored_history(
    connection: Connection, task: RepairTask, first_generation: int, *, source: str, after: int
) -> History:
    """Return the symbol's bars that close after ``after`` (ns UTC, 0: all) as the log had them at the task's place."""
    values = task.place(first_generation) | {"source": source, "after": to_moment(after) if after else "-infinity"}
    rows = connection.execute(queries("corrections")["bars"], values).fetchall()
    columns = list(zip(*rows, strict=True)) if rows else [()] * 9

    def times(column: Sequence[Any]) -> Any:
        return np.array([to_nanoseconds(moment) for moment in column], dtype=np.int64)

    # NULL becomes NaN: the source gives no volume.
    opens, highs, lows, closes, volumes = (np.array(column, dtype=np.float64) for column in columns[1:6])
    return History(
        symbols=(task.symbol,),
        place=np.zeros(len(rows), dtype=np.int64),
        event_time=times(columns[0]),
        open=opens,
        high=highs,
        low=lows,
        close=closes,
        volume=volumes,
        revision=np.array(columns[6], dtype=np.int64),
        available_time=times(columns[7]),
        source_offset=np.array(columns[8], dtype=np.int64),
    )


def stored_splits(connection: Connection, task: RepairTask, first_generation: int) -> list[tuple[int, Adjustment]]:
    """Return the symbol's splits up to the task's place in the log, each with its offset."""
    found = []
    for offset, payload in connection.execute(queries("corrections")["splits"], task.place(first_generation)):
        message = decode(bytes(payload))
        if isinstance(message, Adjustment) and message.symbol == task.symbol:
            found.append((int(offset), message))
    return found


def kept_states(
    connection: Connection, task: RepairTask, first_generation: int, code_hash: str
) -> list[tuple[int, int]]:
    """Return (generation, offset) of kept snapshots that the recomputation may begin with, the newest first.

    Left out is one that lacks what came later for bars that it has: a correction, or a state that was brought into
    the log (a loaded history).
    """
    values = task.place(first_generation) | {"code_hash": code_hash}
    kept = connection.execute(queries("corrections")["snapshots"], values).fetchall()
    if not kept:
        return []
    values["first"] = min(offset for _, offset, _ in kept)
    changed = []
    for offset, payload in connection.execute(queries("corrections")["state repairs"], values):
        message = decode(bytes(payload))
        if isinstance(message, StateRepair) and (message.symbol, message.interval) == (task.symbol, task.interval):
            changed.append((int(offset), state_since(message)))
    return [
        (generation, offset)
        for generation, offset, time in kept
        if not any(at >= offset and since <= to_nanoseconds(time) for at, since in changed)
    ]


def kept_state(connection: Connection, partition: int, generation: int, source_offset: int) -> bytes | None:
    """Return a kept snapshot."""
    values = {"partition": partition, "generation": generation, "source_offset": source_offset}
    row = connection.execute(queries("corrections")["snapshot"], values).fetchone()
    return None if row is None else bytes(row[0])


def finish(connection: Connection, task: RepairTask, detail: str) -> None:
    """Mark the task's requests as done and count the rows that they led to."""
    values = task.place(0) | {"ids": list(task.ids), "newest": task.ids[-1], "detail": detail}
    connection.execute(queries("corrections")["finish"], values)


def fail(connection: Connection, task: RepairTask, detail: str) -> None:
    """Mark the task's requests as failed."""
    connection.execute(queries("corrections")["fail"], {"ids": list(task.ids), "detail": detail})


def list_corrections(connection: Connection, symbol: str | None = None) -> list[Correction]:
    """All corrections, or one symbol's, in the order in which they were stored."""
    names = tuple(Correction.__dataclass_fields__)
    rows = connection.execute(queries("corrections")["list"], {"symbol": symbol})
    return [Correction(**dict(zip(names, row, strict=True))) for row in rows]
