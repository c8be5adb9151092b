"""Steering a replay that another process runs, and looking at it."""

import time
from collections.abc import Callable

from infra.settings import Settings
from pipeline.replay.naming import ReplayName
from signaltape.replay.errors import NotObeyed, ReplayRefused
from signaltape.replay.place import replays_folder
from signaltape.replay.record import ENDED, ReplayRecord, is_held, leave_wish, read_record

#: How long a replay may take to obey.
OBEYED_S = 60.0
_EVERY_S = 0.05


def known(settings: Settings, name: ReplayName) -> ReplayRecord:
    """The record of a replay. Raises ``ReplayRefused`` if there is none."""
    record = read_record(settings, name)
    if record is None:
        raise ReplayRefused(f"there is no replay {name.ident}; `signaltape replay list` shows those that there are")
    return record


def pause(settings: Settings, name: ReplayName, deadline_s: float = OBEYED_S) -> ReplayRecord:
    """Stop publishing between two bar times; return once it has."""
    _running(settings, name)
    leave_wish(settings, name, "pause")
    return _await(settings, name, lambda record: record.state == "paused", deadline_s)


def resume(settings: Settings, name: ReplayName, deadline_s: float = OBEYED_S) -> ReplayRecord:
    """Go on after a pause; return once it does."""
    _running(settings, name)
    leave_wish(settings, name, "run")
    return _await(settings, name, lambda record: record.state != "paused", deadline_s)


def cancel(settings: Settings, name: ReplayName, deadline_s: float = OBEYED_S) -> ReplayRecord:
    """End a replay before its end; return once its agents have ended. What it made stays until it is removed."""
    _running(settings, name)
    leave_wish(settings, name, "cancel")
    return _await(settings, name, lambda _: not is_held(replays_folder(settings) / name.ident), deadline_s)


def _running(settings: Settings, name: ReplayName) -> None:
    record = known(settings, name)
    if record.state in ENDED or record.state == "died":
        raise ReplayRefused(f"replay {name.ident} does not run (state: {record.state})")


def _await(
    settings: Settings, name: ReplayName, obeyed: Callable[[ReplayRecord], bool], deadline_s: float
) -> ReplayRecord:
    end = time.monotonic() + deadline_s
    while True:
        record = known(settings, name)
        ended = record.state in ENDED or record.state == "died"
        if obeyed(record) or ended:
            return record
        if time.monotonic() >= end:
            raise NotObeyed(f"replay {name.ident} has not obeyed in {deadline_s:g} s; it is {record.state}")
        time.sleep(_EVERY_S)
