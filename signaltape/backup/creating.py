"""Making a backup: the servers are stopped, their files are copied, the servers run again."""

import shutil
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path

from infra.restore_mark import require_whole
from infra.scoring.files import sync_folder
from infra.stack import Endpoints, Stack, StackConfig
from infra.stack.ownership import Ownership
from infra.stack.stack import SERVER_NAMES
from signaltape import __version__
from signaltape.backup.archive import Packed, pack
from signaltape.backup.errors import BackupError
from signaltape.backup.manifest import Manifest, write
from signaltape.backup.parts import Part, entries, parts_of

Say = Callable[[str], None]


def create(home: Path, config: StackConfig, target: Path, made_at: str, say: Say = lambda _: None) -> Manifest:
    """Write a backup of the local stack of ``home`` to ``target``, a folder that doesn't exist yet or is empty.

    1. Stop the servers that run, in order; hold their data folder, so that nobody starts them meanwhile.
    2. Copy every part, all at once.
    3. Start again what ran, on the same ports, also where the copy failed.
    4. Write the manifest, and give the folder its name.

    Raises BackupError, StackError, HalfRestored.
    """
    require_whole(home)
    parts = parts_of(home)
    _require_place(home, target)
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True, mode=0o700)
    stack = Stack(config, detached=True, progress=say)
    ports = {name: port for name in SERVER_NAMES if (port := stack.port(name)) is not None}
    endpoints = stack.find_endpoints() if ports else None
    try:
        packed = _copy_at_rest(stack, home, parts, partial, say)  # 1., 2.
    except BaseException as error:
        shutil.rmtree(partial, ignore_errors=True)
        if isinstance(error, OSError):
            raise BackupError(f"the copy failed: {error}") from error
        raise
    finally:
        if ports:  # 3.
            again = replace(config, ports=replace(config.ports, **ports))
            Stack(again, detached=True, progress=say).start()
    manifest = Manifest(program=__version__, made_at=made_at, servers=_servers(endpoints), parts=packed)
    write(partial, manifest)  # 4.
    sync_folder(partial)
    if target.exists():
        target.rmdir()
    partial.rename(target)
    sync_folder(target.parent)
    return manifest


def _copy_at_rest(
    stack: Stack, home: Path, parts: tuple[Part, ...], folder: Path, say: Say
) -> dict[str, Packed]:  # fmt: skip
    say("stopping the servers; services that run wait for them")
    stack.stop()
    held = Ownership(stack.config.data / "run" / "owner")
    if held.path.parent.is_dir():
        held.take(lasting=True)
    try:
        if started := [name for name in SERVER_NAMES if stack.process_id(name) is not None]:
            raise BackupError(f"{', '.join(started)} was started again by another command: nothing was copied, repeat")
        say(f"copying {', '.join(part.name for part in parts)}")
        stopped = threading.Event()
        with ThreadPoolExecutor(len(parts)) as pool:
            try:
                waiting = {
                    part.name: pool.submit(
                        pack, home, entries(home, part), folder / f"{part.name}.tar.gz", stopped.is_set
                    )
                    for part in parts
                }
                for one in wait(waiting.values(), return_when=FIRST_EXCEPTION).done:
                    one.result()
            finally:  # after one that failed, or Ctrl-C, the servers must not wait for the others' copies
                stopped.set()
        return {name: one.result() for name, one in waiting.items()}
    finally:
        held.release()


def _require_place(home: Path, target: Path) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise BackupError(f"{target} exists and is not an empty folder: a backup never replaces another one")
    if target.resolve().is_relative_to(home.resolve()):
        raise BackupError(f"{target} lies in {home}, the folder that is backed up: choose one on another disk")


def _servers(endpoints: Endpoints | None) -> dict[str, str | None]:
    """Versions of the servers, as they said when they last ran; empty if they were stopped before."""
    if endpoints is None:
        return {}
    return {
        "kafka": endpoints.kafka_version,
        "postgres": endpoints.postgres_version,
        "timescaledb": endpoints.timescale_version,
    }
