"""One part of a backup as a compressed archive: written with its digest, unpacked only below one folder."""

import hashlib
import io
import os
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from signaltape.backup.errors import BackupError

_CHUNK = 1 << 20
#: Little compression: what is copied while the servers wait should be copied soon, and empty space packs well anyway.
_LEVEL = 1


@dataclass(frozen=True, kw_only=True)
class Packed:
    """An archive that was written. content_bytes: size of the files in it."""

    file: str
    sha256: str
    bytes: int
    files: int
    content_bytes: int


def pack(home: Path, paths: Iterable[Path], target: Path, stopped: Callable[[], bool] = lambda: False) -> Packed:
    """Write files and folders below ``home`` into ``target``, which only its owner may read, and sync it to disk.

    Owners are left out: whoever restores owns what comes out. Permissions are kept; a file of two names comes twice.
    Ends with a BackupError, within a file too, once ``stopped`` says so.
    """
    files = content = 0
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as raw:
        with tarfile.open(fileobj=raw, mode="w:gz", compresslevel=_LEVEL, dereference=True) as archive:
            for path in paths:
                entry = _plain(archive.gettarinfo(home / path, arcname=str(path)))
                if entry.isfile():
                    files, content = files + 1, content + entry.size
                    with (home / path).open("rb") as stream:
                        archive.addfile(entry, _Stoppable(stream, stopped))
                else:
                    archive.addfile(entry)
        raw.flush()
        os.fsync(raw.fileno())
    return Packed(
        file=target.name, sha256=digest_of(target), bytes=target.stat().st_size, files=files, content_bytes=content
    )


def unpack(source: Path, folder: Path) -> None:
    """Write what an archive holds below ``folder``. Raises BackupError for what would lie outside or is no file."""
    with tarfile.open(source, mode="r:gz") as archive:
        # What is let through is checked below: Python before 3.11.4 has no filters of its own.
        archive.extraction_filter = getattr(tarfile, "fully_trusted_filter", None)
        for entry in archive:
            archive.extract(_checked(entry, source), folder, set_attrs=True)


def digest_of(path: Path, moved: Callable[[int], None] = lambda _: None) -> str:
    """Return the SHA-256 of a file as 64 hex digits; ``moved`` is told of the bytes read."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := _read(stream):
            digest.update(chunk)
            moved(len(chunk))
    return digest.hexdigest()


class _Stoppable(io.RawIOBase):
    """A file that can be read until somebody says stop."""

    def __init__(self, stream: IO[bytes], stopped: Callable[[], bool]) -> None:
        super().__init__()
        self._stream, self._stopped = stream, stopped

    def read(self, size: int = -1) -> bytes:
        if self._stopped():
            raise BackupError("the copy was stopped")
        return self._stream.read(size)


def _read(stream: IO[bytes]) -> bytes:
    return stream.read(_CHUNK)


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def _checked(entry: tarfile.TarInfo, source: Path) -> tarfile.TarInfo:
    """A file or folder below the target, owned by who restores; permissions stay, since Postgres insists on them."""
    if not (entry.isfile() or entry.isdir()):
        raise BackupError(f"{source}: {entry.name} is no file and no folder: this is not a backup of ours")
    place = PurePosixPath(entry.name)
    if place.is_absolute() or ".." in place.parts:
        raise BackupError(f"{source}: {entry.name} lies outside of the home folder: this is not a backup of ours")
    entry.uid, entry.gid, entry.uname, entry.gname = os.getuid(), os.getgid(), "", ""
    entry.mode &= 0o777
    return entry
