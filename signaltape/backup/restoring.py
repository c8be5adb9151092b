"""Restoring a backup into a home folder that holds no data yet."""

import shutil
from collections.abc import Callable
from pathlib import Path

from infra.stack.accounts import make_folder, unprivileged_account
from signaltape.backup.archive import unpack
from signaltape.backup.errors import BackupError
from signaltape.backup.manifest import Manifest, check
from signaltape.backup.parts import HARMLESS

#: Where files lie until all of them are there.
_PARTIAL = ".restore.partial"


def restore(source: Path, home: Path, moved: Callable[[int], None] = lambda _: None) -> Manifest:
    """Put a backup's files below ``home``; no server is started.

    1. Refuse a home folder that holds data: nothing is ever written over.
    2. Read every archive to its end and compare its digest, before anything is written.
    3. Unpack beside their places, then move all of them there.

    Raises BackupError.
    """
    _require_empty(home)  # 1.
    manifest = check(source, moved)  # 2.
    make_folder(home, unprivileged_account())
    free = shutil.disk_usage(home).free
    if free < manifest.content_bytes:
        raise BackupError(
            f"{home} has {free / 1e9:.1f} GB free, the backup needs {manifest.content_bytes / 1e9:.1f} GB once unpacked"
        )
    partial = home / _PARTIAL
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o711)
    try:
        for part in manifest.parts.values():  # 3.
            unpack(source / part.file, partial)
        for entry in sorted(partial.iterdir()):
            entry.rename(home / entry.name)
    except OSError as error:
        raise BackupError(f"restoring into {home} failed: {error}. Empty the folder, then repeat") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return manifest


def _require_empty(home: Path) -> None:
    if not home.exists():
        return
    held = sorted(entry.name for entry in home.iterdir() if entry.name not in HARMLESS | {_PARTIAL})
    if held:
        raise BackupError(
            f"{home} holds data already ({', '.join(held)}): a backup is never restored over anything. Move that away,"
            " or set SIGNALTAPE_HOME to another folder"
        )
