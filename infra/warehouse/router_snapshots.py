"""The router's memory, kept once a session: `verify` starts from it in the middle of a log (P8).

A snapshot holds what a partition's router knows after its ``fence``, and of control which events it had received and
from when on those act that aren't superseded (`pipeline.routing.router_state.Copies`). The events themselves lie in
`log_events`, before the fence: every one was relayed into the partition's own log.
"""

from collections.abc import Sequence

from infra.warehouse.connection import Connection
from infra.warehouse.moments import to_moment, to_nanoseconds
from infra.warehouse.queries import queries
from pipeline.control import ControlState
from pipeline.routing.router_state import Copies
from schemas.codec import decode
from schemas.control import ControlEvent
from schemas.intervals import session_end, session_of
from schemas.predictions import RouterSnapshot

#: (generation of `predictions`, offset there, snapshot)
SnapshotPart = tuple[int, int, RouterSnapshot]


def keep_router_snapshots(connection: Connection, parts: Sequence[SnapshotPart]) -> None:
    """Keep the first one of each session; those of sessions that have one are left out."""
    values = [
        {
            "partition": one.source_partition,
            "generation": generation,
            "session": to_moment(session_end(session_of(one.event_time))),
            "event_time": to_moment(one.event_time),
            "fence_offset": one.fence[0],
            "fence_part": one.fence[1],
            "seq": one.seq,
            "state_version": one.state_version,
            "state": one.state,
            "topic_offset": offset,
        }
        for generation, offset, one in parts
    ]
    if values:
        with connection.cursor() as cursor:
            cursor.executemany(queries("digests")["keep router snapshot"], values)


def newest_router_snapshot(
    connection: Connection, partition: int, event_time: int, *, first_generation: int = 0
) -> RouterSnapshot | None:
    """The newest kept snapshot of a partition whose bars all lie at or before ``event_time`` (ns UTC), if any.

    ``first_generation``: that of the checkpoint of `predictions`: snapshots of earlier logs don't count.
    """
    values = {"partition": partition, "end": to_moment(event_time + 1), "first_generation": first_generation}
    row = connection.execute(queries("digests")["newest router snapshot"], values).fetchone()
    if row is None:
        return None
    time, fence_offset, fence_part, seq, version, state = row
    return RouterSnapshot(
        source_partition=partition,
        fence=(fence_offset, fence_part),
        event_time=to_nanoseconds(time),
        seq=seq,
        state_version=version,
        state=bytes(state),
    )


def control_at(connection: Connection, snapshot: RouterSnapshot, copies: Copies, first_generation: int) -> ControlState:
    """The control state that belongs to a snapshot: ``copies`` name the events, the log before the fence holds them.

    ``first_generation``: of the present log of bars. Raises ControlEventMissing if one of them isn't there.
    """
    values = {
        "partition": snapshot.source_partition,
        "first_generation": first_generation,
        "offset": snapshot.fence[0],
    }
    events = [decode(bytes(payload)) for (payload,) in connection.execute(queries("digests")["control before"], values)]
    found = [event for event in events if isinstance(event, ControlEvent)]
    return ControlState.restore(copies.received, dict(copies.kept), found)
