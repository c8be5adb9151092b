"""One server process: started with its log in a file, recorded so that exactly it can be found and stopped later."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.stack.accounts import Account
from infra.stack.wait import wait_until

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, kw_only=True)
class Launch:
    """How to run a server. `account` is the user it runs as, None for our own."""

    argv: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    account: Account | None = None


@dataclass(frozen=True, kw_only=True)
class ProcessRecord:
    """A process that was started once: its id alone may belong to another program by now, with these it cannot."""

    pid: int
    started_ticks: int
    boot_id: str
    port: int


def started_ticks(pid: int) -> int | None:
    """When the process began, in clock ticks since boot; None if there is none or only its exit status is left."""
    try:
        # The command name, in parentheses, may hold spaces and parentheses: split after the last one.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in {"Z", "X"} else int(fields[19])


class ServerProcess:
    """The process of one server, ours or one that an earlier command has left running."""

    def __init__(self, name: str, record_file: Path, log: Path) -> None:
        self.name = name
        self.log = log
        self._record_file = record_file
        self._child: subprocess.Popen[bytes] | None = None

    def record(self) -> ProcessRecord | None:
        """The record of the running process; None if none was written, it is unreadable, or the process is gone."""
        if self._child is not None:
            self._child.poll()
        try:
            record = ProcessRecord(**json.loads(self._record_file.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        if record.boot_id != _BOOT_ID.read_text().strip() or started_ticks(record.pid) != record.started_ticks:
            return None
        return record

    def is_running(self) -> bool:
        """True while the recorded process lives."""
        return self.record() is not None

    def launch(self, launch: Launch, port: int) -> ProcessRecord:
        """Start the process and record it."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        account = launch.account
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                launch.argv,
                cwd=launch.folder,
                env=dict(launch.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C at the terminal reaches us only: servers are stopped in order, not all at once.
                start_new_session=True,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )
        # A process that has died already leaves ticks 0, which no living process has: its record reads as gone.
        ticks = started_ticks(self._child.pid) or 0
        boot = _BOOT_ID.read_text().strip()
        record = ProcessRecord(pid=self._child.pid, started_ticks=ticks, boot_id=boot, port=port)
        write_private(self._record_file, json.dumps(asdict(record)))
        return record

    def send(self, number: signal.Signals) -> bool:
        """Send a signal to the recorded process; False if it is gone."""
        record = self.record()
        if record is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(record.pid, number)
        return True

    def freeze(self) -> None:
        """Stop the process where it is and wait until no thread of it runs: each stops when it is next scheduled."""
        record = self.record()
        if record is not None and self.send(signal.SIGSTOP):
            wait_until(lambda: not _any_thread_runs(record.pid), 10.0, 0.002)

    def await_end(self, deadline_s: float) -> None:
        """Wait for a process that was asked to end; kill it if it has not ended within `deadline_s` seconds."""
        if not wait_until(lambda: not self.is_running(), deadline_s):
            self.send(signal.SIGKILL)
            wait_until(lambda: not self.is_running(), 10.0)
        self.forget()

    def forget(self) -> None:
        """Remove the record of a process that has ended, and collect its exit status."""
        if self._child is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(timeout=1.0)
            self._child = None
        self._record_file.unlink(missing_ok=True)

    def last_words(self, lines: int = 5) -> str:
        """The end of the log, for an error message."""
        try:
            text = self.log.read_text(errors="replace")
        except OSError:
            return "(no log)"
        return "\n".join(f"    {line}" for line in text.strip().splitlines()[-lines:]) or "(empty log)"


def _any_thread_runs(pid: int) -> bool:
    states = set()
    for task in Path(f"/proc/{pid}/task").glob("*/stat"):
        with contextlib.suppress(OSError):
            states.add(task.read_text().rpartition(")")[2].split()[0])
    return not states <= {"T"}


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, in one step: a reader sees the old content or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    partial.rename(path)
