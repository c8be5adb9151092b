"""Folders that are built once and shared: complete or absent, never half of one."""

import contextlib
import fcntl
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file `path`; a second holder waits. The holder's death lets it go."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build_once(target: Path, build: Callable[[Path], None]) -> Path:
    """`target`, made by `build` if it is not there.

    `build` fills a folder beside it, which is renamed when it is complete: an interruption leaves nothing
    that a later run would take for finished, and what it did leave is thrown away. Of two processes at once
    the second one waits.
    """
    if target.is_dir():
        return target
    with exclusive(target.with_name(f".{target.name}.lock")):
        if target.is_dir():
            return target
        partial = target.with_name(f".{target.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        build(partial)
        partial.rename(target)
    return target
