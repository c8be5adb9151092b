"""Repair of the ingest: its group reads on from what the topics hold."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from consumers.ingest.position import Fault, Place, Position, group_name, standings
from infra.broker.admin import set_group_offsets
from infra.broker.errors import BrokerError
from infra.settings import Settings
from infra.warehouse.active_lock import ActiveLock


@dataclass(frozen=True, kw_only=True)
class Repaired:
    """A partition that was at fault, and where the ingest reads on."""

    place: Place
    fault: Fault
    offset: int


class StillRunning(BrokerError):
    """An ingest is active: its offsets can't be changed below it; stop it first."""


def repair(settings: Settings, topics: Sequence[str]) -> list[Repaired]:
    """Set the group's offsets of partitions at fault to the first message that is there; others stay.

    What was ingested before and is still in the topic is ingested again, and dropped as duplicate by the feature
    agent; control events act once by their offset. So nothing that is there can be lost. Raises StillRunning.
    """
    stop, lock = threading.Event(), ActiveLock(settings, "ingest")
    if not lock.acquire(stop, waiting=stop.set):
        raise StillRunning("an ingest is running; stop it first, then repeat")
    try:
        done, offsets = [], {}
        for place, standing in standings(settings).items():
            fault = standing.fault()
            if fault is None or place[0] not in topics:
                continue
            newest = standing.newest if fault == "expired" else 0
            start = Position(standing.low, newest)
            offsets[place] = (start.offset, start.metadata(standing.topic_id))
            done.append(Repaired(place=place, fault=fault, offset=start.offset))
        if offsets:
            set_group_offsets(settings, group_name(settings), offsets)
        return done
    finally:
        lock.release()
