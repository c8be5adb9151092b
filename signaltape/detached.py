"""All services in the background: a supervisor that outlives the command that started it, found again by its home."""

import fcntl
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from infra.errors import OperatorError
from infra.restore_mark import require_whole
from infra.stack.process import Launch, ServerProcess
from signaltape.service_table import SERVICES
from signaltape.supervision import not_ready

_READY_S = 90.0
#: A supervisor stops its services one after the other, each within fifteen seconds at most, all but never so long.
_STOP_S = 120.0


class DetachedError(OperatorError):
    """The services of this home can't be started in the background."""


def start_detached(home: Path, environment: Mapping[str, str], say: Callable[[str], None] = lambda _: None) -> int:
    """Start ``signaltape run all`` in the background and wait until every service is ready; its process id.

    ``environment``: the whole of it, which must lead to the settings of ``home``. Raises DetachedError where they run
    already, or don't become ready (what was started is stopped again); HalfRestored.

    1. Take the lock of this home, so that of two commands at once the second sees what the first has started.
    2. Refuse what runs already.
    3. Start the supervisor, and record its process id.
    4. Let go of the lock; wait until every service is ready.
    """
    require_whole(home)
    process = _process(home)
    with _starting(home):  # 1.
        _require_none(home, process)  # 2.
        argv = [sys.executable, "-m", "signaltape", "run", "all"]
        # In the caller's folder, so that a relative path in the settings leads where it does in the foreground.
        pid = process.launch(Launch(argv=argv, folder=Path.cwd(), environment=environment), 0).pid  # 3.
    try:  # 4.
        _await_ready(home, process, say)
    except BaseException:
        stop_detached(home)
        raise
    return pid


def stop_detached(home: Path) -> bool:
    """Stop the services that run in the background; False if none did."""
    process = _process(home)
    if not process.is_running():
        return False
    process.send(signal.SIGTERM)
    process.await_end(_STOP_S)
    return True


def runs_detached(home: Path) -> bool:
    """True while services of this home run in the background."""
    return _process(home).is_running()


@contextmanager
def _starting(home: Path) -> Iterator[None]:
    """Hold the lock that every start in the background takes; the process's end lets go of it, in whatever form."""
    folder = home / "run"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "supervisor.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # held for a check and the start of one process: waiting is short
        yield


def _require_none(home: Path, process: ServerProcess) -> None:
    if (record := process.record()) is not None:
        raise DetachedError(f"the services of {home} run already (process {record.pid}); `signaltape down` stops them")
    # Ours would end over and over, each beside its twin, while the twins' answers look like success.
    if others := sorted(set(SERVICES).difference(not_ready(tuple(SERVICES), home / "run"))):
        raise DetachedError(f"{', '.join(others)} of {home} run already, in the foreground elsewhere; end them first")


def _process(home: Path) -> ServerProcess:
    return ServerProcess("services", home / "run" / "supervisor.json", home / "logs" / "supervisor.log")


def _await_ready(home: Path, process: ServerProcess, say: Callable[[str], None]) -> None:
    until = time.monotonic() + _READY_S
    while unready := not_ready(tuple(SERVICES), home / "run"):
        say(f"waiting for {', '.join(unready)}")
        if not process.is_running():
            raise DetachedError(f"the services ended right after their start:\n{process.last_words()}")
        if time.monotonic() > until:
            raise DetachedError(
                f"{', '.join(unready)} did not become ready in {_READY_S:g} s; see the logs in {home / 'logs'}"
            )
        time.sleep(0.1)
