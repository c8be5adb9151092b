"""The record of replays: a folder each, with what was asked for, how far it is, and what somebody wishes of it.

Who runs a replay holds a lock on its folder; the lock goes with the process, however it ends. Wishes of others (pause,
resume, cancel) are a file that it looks at.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TextIO

from infra.settings import Settings
from infra.stack.process import write_private
from pipeline.replay.naming import ReplayName
from signaltape.replay.errors import ReplayRefused
from signaltape.replay.place import replays_folder

#: States that a replay ends in; one in another state whose process is gone has ``died``.
ENDED = frozenset({"done", "cancelled", "failed"})
WISHES = frozenset({"run", "pause", "cancel"})
_RECORD, _LOCK, _WISH = "replay.json", "lock", "wish"


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplayRecord:
    """What is known of a replay. ``state``: starting, lead-in, running, paused, draining, or one of ``ENDED``, or died.

    ``progress``: event time reached, bars, rate, messages that wait before the agents; at the end the counts.
    ``guardian``: pid and start of the process that ends the services if the replaying one dies.
    """

    ident: str
    request: dict[str, Any]
    created_at: str
    state: str = "starting"
    detail: str = ""
    progress: dict[str, Any] = field(default_factory=dict)
    guardian: tuple[int, int] = (0, 0)


class Claim:
    """A replay's folder in the hands of the process that runs it."""

    def __init__(self, folder: Path, record: ReplayRecord) -> None:
        self._folder = folder
        self.record = record

    def note(self, **changes: Any) -> None:
        """Change the record."""
        self.record = replace(self.record, **changes)
        write_private(self._folder / _RECORD, json.dumps(asdict(self.record), indent=1))

    def wish(self) -> str:
        """What is wished of the replay: run, pause or cancel."""
        try:
            text = (self._folder / _WISH).read_text()
        except FileNotFoundError:
            return "run"
        return text if text in WISHES else "run"


@contextmanager
def claimed(settings: Settings, record: ReplayRecord) -> Iterator[Claim]:
    """Make a replay's folder and hold it. Raises ``ReplayRefused`` if the id is in use."""
    folder = replays_folder(settings) / record.ident
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir()
    except FileExistsError:
        raise in_use(record.ident) from None
    with (folder / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        claim = Claim(folder, record)
        claim.note(state="starting")
        yield claim


def in_use(ident: str) -> ReplayRefused:
    """The refusal of an id that is taken."""
    return ReplayRefused(
        f"replay id {ident} is in use: `signaltape replay show {ident}`; remove it with `signaltape replay remove "
        f"{ident}`, or give another --id"
    )


def read_record(settings: Settings, name: ReplayName) -> ReplayRecord | None:
    """The record of a replay, None if there is none."""
    folder = replays_folder(settings) / name.ident
    try:
        values = json.loads((folder / _RECORD).read_text())
    except (FileNotFoundError, NotADirectoryError):
        return None
    record = ReplayRecord(**{**values, "guardian": tuple(values["guardian"])})
    if record.state not in ENDED and not is_held(folder):
        return replace(record, state="died", detail=f"its process is gone; it was {record.state}")
    return record


def records(settings: Settings) -> list[ReplayRecord]:
    """All replays of a home folder, by id."""
    folder, found = replays_folder(settings), []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        try:
            name = ReplayName(path.name)
        except ValueError:
            continue
        record = read_record(settings, name)
        if record is not None:
            found.append(record)
    return found


def leave_wish(settings: Settings, name: ReplayName, wish: str) -> None:
    """Write what is wished of a replay."""
    write_private(replays_folder(settings) / name.ident / _WISH, wish)


def is_held(folder: Path) -> bool:
    """True while a process runs the replay of this folder."""
    lock = _opened(folder / _LOCK)
    if lock is None:
        return False
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def _opened(path: Path) -> TextIO | None:
    try:
        return os.fdopen(os.open(path, os.O_RDONLY), "r")
    except FileNotFoundError:
        return None
