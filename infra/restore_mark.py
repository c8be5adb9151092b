"""The mark of a restore under way in a home folder: while it is there, half of the data may be, and nothing may run."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.errors import OperatorError
from infra.scoring.files import sync_folder, write_atomically

#: Below the home folder: what a restore has not moved to its place yet, and the mark.
FOLDER = ".restore.partial"
_NAME = "mark.json"


class HalfRestored(OperatorError):
    """A restore into this home folder has not come to its end; the message says how it does, or is taken back."""


@dataclass(frozen=True, kw_only=True)
class RestoreMark:
    """What is being restored. source: the backup's folder; manifest: SHA-256 of its manifest file, as 64 hex digits.

    moving: names below the home folder that are moved there one by one; None while nothing has been moved.
    """

    source: str
    manifest: str
    moving: Sequence[str] | None = None


def write_mark(home: Path, mark: RestoreMark) -> None:
    """Leave the mark, or replace it in one step; durable when this returns."""
    write_atomically(_place(home), json.dumps(asdict(mark)).encode())
    sync_folder(home)


def end_restore(home: Path) -> None:
    """Remove the mark, which says that what is there is whole, or nothing; then what it spoke of."""
    if _place(home).exists():
        _place(home).unlink()
        sync_folder(home / FOLDER)
    shutil.rmtree(home / FOLDER, ignore_errors=True)


def read_mark(home: Path) -> RestoreMark | None:
    """Return the mark, None where there is none. Raises HalfRestored for one that can't be read."""
    try:
        return RestoreMark(**json.loads(_place(home).read_text()))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError) as error:
        raise HalfRestored(
            f"{_place(home)} can't be read ({error}): a restore was broken off, and nothing says how far it had come."
            " Move what is in the folder away, then restore anew"
        ) from error


def _place(home: Path) -> Path:
    return home / FOLDER / _NAME


def require_whole(home: Path) -> None:
    """Raise HalfRestored while a restore into this home folder is under way or has been broken off."""
    mark = read_mark(home)
    if mark is not None:
        raise HalfRestored(
            f"{home} is not whole: the restore of {mark.source} is under way, or was broken off. Nothing starts on it."
            f" Take it up again: signaltape backup restore --from {mark.source}; or take back what it has done:"
            " signaltape backup restore --undo"
        )
