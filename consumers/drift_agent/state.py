"""The agent's state as one blob: the monitor, and where in the log it stands."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgpack

from infra.errors import OperatorError
from pipeline.drift.config import DriftConfig
from pipeline.drift.monitor import DriftMonitor
from pipeline.drift.monitor_state import StateUnusable, restore, snapshot
from pipeline.drift.sessions import Lane

#: Version of the envelope.
ENVELOPE_VERSION = 1


class DriftStateError(OperatorError):
    """The stored state does not belong to the checkpoints, or this program cannot read it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a lane stands: the topic's generation and the next offset to read."""

    generation: int
    offset: int


def pack(monitor: DriftMonitor, places: Mapping[Lane, Place]) -> bytes:
    """Return the blob for a checkpoint at ``places``."""
    lanes = [(*lane, place.generation, place.offset) for lane, place in sorted(places.items())]
    data: bytes = msgpack.packb({"version": ENVELOPE_VERSION, "lanes": lanes, "monitor": snapshot(monitor)})
    return data


def unpack(config: DriftConfig, blob: bytes, places: Mapping[Lane, Place]) -> DriftMonitor | None:
    """Return the monitor that belongs to checkpoints at ``places``, None if a repair has begun them anew.

    A repair that left the offsets as they are (of a restored database, say) leaves the state valid. Raises
    DriftStateError if blob and checkpoints disagree in any other way.
    """
    envelope = msgpack.unpackb(blob)
    if envelope["version"] != ENVELOPE_VERSION:
        raise DriftStateError(
            f"the stored drift state has form {envelope['version']}, this program reads {ENVELOPE_VERSION}:"
            " upgrade the program, or run `signaltape repair --service drift`"
        )
    stored = {(row[0], row[1]): Place(generation=row[2], offset=row[3]) for row in envelope["lanes"]}
    if {lane: place.offset for lane, place in stored.items()} != {lane: at.offset for lane, at in places.items()}:
        if any(lane not in stored or place.generation > stored[lane].generation for lane, place in places.items()):
            return None
        raise DriftStateError(
            f"the stored drift state is of other offsets than its checkpoints ({_difference(stored, places)});"
            " run `signaltape repair --service drift`"
        )
    try:
        return restore(config, envelope["monitor"])
    except StateUnusable as error:
        raise DriftStateError(f"the stored drift state: {error}; run `signaltape repair --service drift`") from error


def _difference(stored: Mapping[Lane, Place], places: Mapping[Lane, Place]) -> str:
    lane = min(lane for lane in stored.keys() | places.keys() if stored.get(lane) != places.get(lane))
    return f"{lane[0]}[{lane[1]}]: {stored.get(lane)} against {places.get(lane)}"
