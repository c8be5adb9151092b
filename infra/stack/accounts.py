"""The unprivileged user that Postgres runs as when we are root."""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from infra.places import closed_parent
from infra.stack.errors import StackError

# Postgres needs a user with a name: the distribution's own for it, else the one that owns nothing.
_NAMES = ("postgres", "nobody")


@dataclass(frozen=True, kw_only=True)
class Account:
    """A user of this machine."""

    name: str
    uid: int
    gid: int


def unprivileged_account() -> Account | None:
    """None for an ordinary user, who runs Postgres as himself; for root the user that runs it instead."""
    if os.geteuid() != 0:
        return None
    for name in _NAMES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)
    raise StackError("postgres", f"refuses to run as root, and there is no user {' or '.join(_NAMES)} to run it as")


def require_reachable(folder: Path, account: Account | None) -> None:
    """Raise StackError if `account` cannot enter `folder`, naming the parent that keeps it out."""
    closed = closed_parent(folder) if account is not None else None
    if account is not None and closed is not None:
        raise StackError(
            "postgres",
            f"runs as user {account.name!r} because it refuses to run as root, and that user cannot enter {closed};"
            f" choose another folder with SIGNALTAPE_HOME, or: chmod o+x {closed}",
        )


def make_folder(folder: Path, account: Account | None) -> None:
    """Make `folder` and what is missing above it; with an account, each of the new ones can be entered by it."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        if account is not None:
            path.chmod(0o711)


def hand_over(folder: Path, account: Account | None) -> None:
    """Make `account` the owner of `folder` and everything in it; nothing to do for an ordinary user."""
    if account is None:
        return
    os.chown(folder, account.uid, account.gid)
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(parent) / name, account.uid, account.gid, follow_symlinks=False)
