"""Who owns a stack's data folder: one process at a time, by a lock that its death lets go of."""

import fcntl
import os
from pathlib import Path
from typing import TextIO

from infra.stack.errors import StackError
from infra.stack.wait import wait_until

# Long enough for another command that starts or stops the same stack to finish.
_PATIENCE_S = 90.0
_PASSING = "the command of process"


class Ownership:
    """A lock file that names its holder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: TextIO | None = None

    @property
    def held(self) -> bool:
        """True while this object holds the lock."""
        return self._lock is not None

    def take(self, *, lasting: bool) -> None:
        """Take the lock, `lasting` for a stack's lifetime, else for one command.

        Another command is waited for; a lasting holder is not: StackError names its process.
        """
        lock = self.path.open("a+")
        if not self._try(lock) and not (_is_passing(lock) and wait_until(lambda: self._try(lock), _PATIENCE_S)):
            lock.seek(0)
            holder = lock.read().strip() or "another process"
            lock.close()
            raise StackError("stack", f"{self.path.parent.parent} is in use by {holder}; choose another folder")
        lock.truncate(0)
        lock.write(f"process {os.getpid()}" if lasting else f"{_PASSING} {os.getpid()}")
        lock.flush()
        self._lock = lock

    def release(self) -> None:
        """Let go; nothing to do if it is not held."""
        if self._lock is not None:
            self._lock.truncate(0)
            self._lock.close()
            self._lock = None

    @staticmethod
    def _try(lock: TextIO) -> bool:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _is_passing(lock: TextIO) -> bool:
    lock.seek(0)
    return lock.read().startswith(_PASSING)
