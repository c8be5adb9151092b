"""Restoring a backup into a home folder that holds no data yet, in steps that a crash may fall between."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from infra.restore_mark import FOLDER, RestoreMark, end_restore, read_mark, write_mark
from infra.scoring.files import sync_folder
from infra.stack.accounts import make_folder, unprivileged_account
from signaltape.backup.archive import digest_of, unpack
from signaltape.backup.errors import BackupError
from signaltape.backup.manifest import FILE, Manifest, check, read
from signaltape.backup.parts import HARMLESS

#: Where what is to be moved lies, below the home folder.
_FILES = Path(FOLDER) / "files"


def restore(source: Path, home: Path, moved: Callable[[int], None] = lambda _: None) -> Manifest:
    """Put a backup's files below ``home``; no server is started.

    1. Refuse a home folder that holds data: nothing is ever written over. Where a restore of this backup was broken
       off in step 5 or 6, go on there; where one was broken off before, begin anew.
    2. Read every archive to its end and compare its digest, before anything is written.
    3. Leave the mark: from here on nothing starts on this home folder.
    4. Unpack beside the places, make that durable, and write into the mark what will be moved.
    5. Move each to its place. One that is no longer beside its place has been moved.
    6. Make the moves durable, then remove the mark.

    A failure up to step 4 leaves the folder as it was. Raises BackupError, HalfRestored.
    """
    mark = read_mark(home)
    if mark is None or mark.moving is None:
        _require_empty(home)  # 1.
        manifest = check(source, moved)  # 2.
        make_folder(home, unprivileged_account())
        with alone(home):
            _require_empty(home)
            names = _unpacked(source, home, manifest)  # 3., 4.
            _move(home, names)  # 5., 6.
        return manifest
    manifest = read(source)
    with alone(home):
        if mark.manifest != digest_of(source / FILE):
            raise BackupError(
                f"the restore of {mark.source} into {home} was broken off, and {source} is another backup: take that"
                f" one up again with --from {mark.source}, or take back what it has done with --undo"
            )
        _move(home, mark.moving)
    return manifest


def undo(home: Path) -> tuple[str, ...]:
    """Take back what a restore that was broken off has moved below ``home``; the names of it.

    1. Refuse where none was broken off.
    2. Move back what is no longer beside its place, the last first: broken off here, it is as if the restore had been
       broken off earlier, and either of the two goes on from there.
    3. Make that durable and remove the mark, then the files.

    Raises BackupError, HalfRestored.
    """
    if read_mark(home) is None:
        raise BackupError(f"no restore into {home} was broken off: there is nothing to take back")
    with alone(home):
        mark = read_mark(home)
        moving = () if mark is None or mark.moving is None else mark.moving  # 1.
        back = [name for name in reversed(moving) if not _waits(home, name) and (home / name).exists()]
        for name in back:  # 2.
            (home / name).rename(home / _FILES / name)
        sync_folder(home)  # 3.
        end_restore(home)
    return tuple(back)


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Hold the home folder's own lock, which the process's end lets go of. Raises BackupError where another has it."""
    descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BackupError(f"another command restores into {home} at this moment") from error
        yield
    finally:
        os.close(descriptor)


def _unpacked(source: Path, home: Path, manifest: Manifest) -> Sequence[str]:
    """Steps 3 and 4; the names that are to be moved."""
    mark = RestoreMark(source=str(source.absolute()), manifest=digest_of(source / FILE))
    end_restore(home)
    free = shutil.disk_usage(home).free
    if free < manifest.content_bytes:
        raise BackupError(
            f"{home} has {free / 1e9:.1f} GB free, the backup needs {manifest.content_bytes / 1e9:.1f} GB once unpacked"
        )
    try:
        (home / _FILES).mkdir(mode=0o711, parents=True)
        write_mark(home, mark)  # 3.
        for part in manifest.parts.values():  # 4.
            unpack(source / part.file, home / _FILES)
        os.sync()  # one call instead of one for each of some thousand files
        names = tuple(sorted(entry.name for entry in (home / _FILES).iterdir()))
        write_mark(home, replace(mark, moving=names))
    except BaseException as error:
        end_restore(home)
        if isinstance(error, OSError):
            raise BackupError(f"restoring into {home} failed: {error}. The folder is as it was") from error
        raise
    return names


def _move(home: Path, names: Sequence[str]) -> None:
    """Steps 5 and 6."""
    waiting = [name for name in names if _waits(home, name)]
    if taken := [name for name in waiting if (home / name).exists()]:
        raise BackupError(
            f"{home} holds {', '.join(taken)}, which does not come from the restore: move that away, then repeat; or"
            " take the restore back with --undo, which leaves it where it is"
        )
    if lost := [name for name in names if name not in waiting and not (home / name).exists()]:
        raise BackupError(
            f"{', '.join(lost)} of the restore that was broken off is missing in {home}: take it back with --undo,"
            " then restore anew"
        )
    try:
        for name in waiting:  # 5.
            (home / _FILES / name).rename(home / name)
    except OSError as error:
        raise BackupError(f"restoring into {home} was broken off: {error}. Repeat the command, or --undo it") from error
    sync_folder(home)  # 6.
    end_restore(home)


def _waits(home: Path, name: str) -> bool:
    """True while something that is to be moved lies beside its place."""
    return (home / _FILES / name).exists()


def _require_empty(home: Path) -> None:
    if not home.exists():
        return
    held = sorted(entry.name for entry in home.iterdir() if entry.name not in HARMLESS)
    if held:
        raise BackupError(
            f"{home} holds data already ({', '.join(held)}): a backup is never restored over anything. Move that away,"
            " or set SIGNALTAPE_HOME to another folder"
        )
