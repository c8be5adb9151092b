"""Removing everything that a replay made, and nothing that it didn't."""

import shutil
import time
from dataclasses import dataclass

from infra.broker.removal import groups_of, remove_groups, remove_topics, topics_of
from infra.online.removal import remove_keys
from infra.stack.process import started_ticks
from infra.warehouse.schemas import drop_schema, schema_exists
from signaltape.replay.errors import ReplayRefused
from signaltape.replay.place import ReplayPlace
from signaltape.replay.record import is_held, read_record
from signaltape.stopped import when_stopped

_SERVICES_S = 30.0
_EVERY_S = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Removed:
    """How many of each kind were there."""

    groups: int
    topics: int
    tables: int
    keys: int
    folder: bool

    @property
    def anything(self) -> bool:
        """True if there was something to remove."""
        return self.folder or any((self.groups, self.topics, self.tables, self.keys))


def remove_replay(place: ReplayPlace) -> Removed:
    """Remove a replay that has ended, in whatever way; a second call finishes what a first one left.

    1. Wait until its services have ended: their guardian, which outlives a process that was killed, ends them; 2. its
    topics; 3. its schema; 4. its Redis keys; 5. its consumer groups, once Kafka has forgotten their members; 6. its
    folder, last, so that `replay list` shows it as long as anything is left.

    Raises ``ReplayRefused`` while it runs.
    """
    if is_held(place.folder):
        ident = place.name.ident
        raise ReplayRefused(f"replay {ident} is running: `signaltape replay cancel {ident}` first")
    _await_services(place)  # 1.
    live, prefix = place.live, place.name.prefix
    topics = remove_topics(live, prefix)  # 2.
    tables = drop_schema(live, place.name.schema)  # 3.
    keys = remove_keys(live, prefix)  # 4.
    groups = when_stopped(lambda: remove_groups(live, prefix), "a service of the replay", ReplayRefused)  # 5.
    there = place.folder.is_dir()
    if there:
        shutil.rmtree(place.folder)  # 6.
    return Removed(groups=groups, topics=topics, tables=tables, keys=keys, folder=there)


def is_taken(place: ReplayPlace) -> bool:
    """True if anything on the servers carries the replay's name."""
    live, prefix = place.live, place.name.prefix
    return bool(topics_of(live, prefix) or groups_of(live, prefix)) or schema_exists(live, place.name.schema)


def _await_services(place: ReplayPlace) -> None:
    record = read_record(place.live, place.name)
    if record is None or not record.guardian[0]:
        return
    pid, ticks = record.guardian
    end = time.monotonic() + _SERVICES_S
    while started_ticks(pid) == ticks:
        if time.monotonic() >= end:
            raise ReplayRefused(f"the services of replay {place.name.ident} have not ended (guardian {pid}); try again")
        time.sleep(_EVERY_S)
