"""Files of models: checksums, and writes that are there whole or not at all."""

import hashlib
import os
import shutil
from pathlib import Path

from infra.scoring.errors import ArtifactChanged


def sha256_of(data: bytes) -> str:
    """SHA-256 as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` so that a reader sees the old file or the whole new one, also after a loss of power.

    1. A temporary file beside it is written, flushed and synced. 2. It takes the name. 3. The folder is synced.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as stream:  # 1.
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)  # 2.
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)  # 3.


def sync_folder(folder: Path) -> None:
    """Make renames within a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def publish_folder(staged: Path, final: Path) -> None:
    """Give a complete folder its final name; FileExistsError if there is one already."""
    sync_folder(staged)
    final.parent.mkdir(parents=True, exist_ok=True)
    if final.exists():
        raise FileExistsError(final)
    staged.rename(final)
    sync_folder(final.parent)


def remove_folder(folder: Path) -> None:
    """Remove a staging folder, if it is still there."""
    shutil.rmtree(folder, ignore_errors=True)


def read_checked(path: Path, sha256: str) -> bytes:
    """Read a file once and return its bytes if their SHA-256 is the one given. Raises ArtifactChanged."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ArtifactChanged(
            f"{path}: cannot be read ({error.strerror}); restore the file from a backup or register the model again"
        ) from error
    found = sha256_of(data)
    if found != sha256:
        raise ArtifactChanged(
            f"{path}: its SHA-256 is {found}, registered was {sha256 or 'none'}: the file was changed since; "
            "restore it from a backup or register the model again as a new version"
        )
    return data


def read_artifact(folder: Path, relative: str, sha256: str) -> bytes:
    """The same for a file of the artifact folder, by the path that is registered.

    Raises ArtifactChanged for one that leads elsewhere, before it is looked at: who may register models must not be
    able to ask what other files hold.
    """
    path = folder / relative
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ArtifactChanged(f"{relative!r:.200} is registered as a model's file and lies outside of {folder}")
    return read_checked(path, sha256)
