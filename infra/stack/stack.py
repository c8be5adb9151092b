"""A stack: three servers started together, waited for, and stopped together."""

import json
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Literal, get_args

from infra.restore_mark import require_whole
from infra.stack.accounts import make_folder, unprivileged_account
from infra.stack.assembly import Assembly, assemble
from infra.stack.config import Endpoints, Ports, StackConfig
from infra.stack.errors import StackError
from infra.stack.guard import Guard
from infra.stack.ownership import Ownership
from infra.stack.ports import require_free
from infra.stack.process import ServerProcess, write_private
from infra.stack.server import Server

ServerName = Literal["redis", "postgres", "kafka"]
SERVER_NAMES: tuple[ServerName, ...] = get_args(ServerName)
# SIGINT is Postgres' fast shutdown: clients are cut, data is written, no recovery is needed.
_STOP = {"redis": signal.SIGTERM, "postgres": signal.SIGINT, "kafka": signal.SIGTERM}
_STOP_DEADLINE_S = 20.0


def _silent(_: str) -> None:
    """Progress that nobody reads."""


class Stack:
    """Kafka, Postgres and Redis in one data folder.

    Used as a context manager, or with `start` and `stop`. Its servers end with the process that started them,
    however that one ends. With `detached=True` they stay: another process finds them again through the same data
    folder. One data folder belongs to one stack at a time.
    """

    def __init__(
        self, config: StackConfig, *, detached: bool = False, progress: Callable[[str], None] = _silent
    ) -> None:
        self.config = config
        self.notice: str | None = None
        self._detached = detached
        self._progress = progress
        self._run = config.data / "run"
        self._ownership = Ownership(self._run / "owner")
        self._processes = {
            name: ServerProcess(name, self._run / f"{name}.json", self.log(name)) for name in SERVER_NAMES
        }
        self._assembly: Assembly | None = None
        self._guard: Guard | None = None
        self._endpoints: Endpoints | None = None

    @property
    def endpoints(self) -> Endpoints:
        """Where the servers answer; StackError before `start`."""
        if self._endpoints is None:
            raise StackError("stack", "is not started")
        return self._endpoints

    def find_endpoints(self) -> Endpoints | None:
        """What the stack that runs in this data folder has written, whoever started it; None if none runs."""
        try:
            return Endpoints(**json.loads((self._run / "endpoints.json").read_text()))
        except FileNotFoundError:
            return None

    def log(self, name: ServerName) -> Path:
        """The log file of a server."""
        return self.config.data / "log" / f"{name}.log"

    def start(self) -> Endpoints:
        """Start what does not run yet and wait until every server is healthy.

        1. Take the data folder, so that no other stack uses it.
        2. Fetch and build what is missing (jars, the Postgres installation), in parallel.
        3. End leftovers of a stack whose owner died with its guardian (detached: what runs is kept).
        4. Start the servers, all at once; wait for each until the deadline.
        5. Write the endpoints where `load_settings` finds them.

        Raises StackError naming the server, the reason and its log; what was started is stopped again. Raises
        HalfRestored, before anything is started, where a restore into the home folder was broken off.
        """
        require_whole(self.config.data.parent)
        account = unprivileged_account()
        missing: list[ServerName] = []
        make_folder(self._run, account)
        make_folder(self.config.cache, account)
        self._ownership.take(lasting=not self._detached)
        try:
            if not self._detached:
                self._stop_processes(SERVER_NAMES)
                self._guard = Guard()
            self._assembly = assemble(self.config, self._ports(), account, self._progress)
            self.notice = self._assembly.notice
            missing += (name for name in SERVER_NAMES if not self._processes[name].is_running())
            if missing:
                self._progress(f"starting {', '.join(missing)}")
            for name in missing:
                self._launch(name)
            self._await_health(SERVER_NAMES)
            self._endpoints = self._assembly.describe()
            write_private(self._run / "endpoints.json", json.dumps(asdict(self._endpoints), indent=2))
        except BaseException:
            self._end(missing)
            raise
        if self._detached:
            self._ownership.release()
        return self._endpoints

    def stop(self) -> None:
        """Stop every server of this data folder in order; nothing to do if none runs."""
        if not self._ownership.held:
            if not self._run.is_dir():
                return
            self._ownership.take(lasting=False)
        self._end(SERVER_NAMES)

    def kill(self, name: ServerName) -> None:
        """SIGKILL one server, as a crash would; its data stays."""
        self._end_process(name, signal.SIGKILL)

    def stop_server(self, name: ServerName) -> None:
        """Stop one server in order; the others go on."""
        self._end_process(name, _STOP[name])

    def start_server(self, name: ServerName) -> None:
        """Start one server again, on the same port and data, and wait until it is healthy."""
        self._launch(name)
        self._await_health((name,))

    def restart(self, name: ServerName) -> None:
        """Stop one server in order and start it again."""
        self.stop_server(name)
        self.start_server(name)

    def suspend(self, name: ServerName) -> None:
        """Freeze one server (SIGSTOP): it keeps its connections and, once this returns, answers nothing."""
        self._processes[name].freeze()

    def resume(self, name: ServerName) -> None:
        """Let a frozen server go on."""
        self._processes[name].send(signal.SIGCONT)

    def port(self, name: ServerName) -> int | None:
        """Port of a running server, None if it does not run."""
        record = self._processes[name].record()
        return record.port if record else None

    def process_id(self, name: ServerName) -> int | None:
        """Process id of a running server, None if it does not run."""
        record = self._processes[name].record()
        return record.pid if record else None

    def __enter__(self) -> "Stack":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _ports(self) -> Ports:
        """The configured ports; those of servers that run already are kept, a free one for each 0."""
        records = {name: process.record() for name, process in self._processes.items()}
        ports = self.config.ports
        kafka, postgres, redis = records["kafka"], records["postgres"], records["redis"]
        return Ports(
            kafka=kafka.port if kafka else ports.kafka,
            # Only the broker itself uses it: while that runs, its number does not matter here.
            controller=0 if kafka else ports.controller,
            postgres=postgres.port if postgres else ports.postgres,
            redis=redis.port if redis else ports.redis,
        ).resolved()

    def _server(self, name: ServerName) -> Server:
        if self._assembly is None:
            raise StackError("stack", "is not started")
        servers: dict[ServerName, Server] = {
            "kafka": self._assembly.kafka,
            "postgres": self._assembly.postgres,
            "redis": self._assembly.redis,
        }
        return servers[name]

    def _launch(self, name: ServerName) -> None:
        server, process = self._server(name), self._processes[name]
        require_free(name, server.port)
        record = process.launch(server.prepare(), server.port)
        if self._guard is not None:
            self._guard.add(record, _STOP[name])

    def _await_health(self, names: Sequence[ServerName]) -> None:
        """Poll each server until it is healthy; what ended for a passing reason is started again."""
        deadline = time.monotonic() + self.config.deadline_s
        for name in names:
            server, process = self._server(name), self._processes[name]
            pause = 0.01
            while (fault := server.probe()) is not None:
                ended = not process.is_running()
                words = process.last_words()
                if ended and not server.ended_in_passing(words):
                    raise StackError(name, f"ended right after its start:\n{words}", process.log)
                if time.monotonic() >= deadline:
                    why = f"is not healthy after {self.config.deadline_s:.0f} s: {fault}\n{words}"
                    raise StackError(name, why, process.log)
                time.sleep(pause)
                pause = min(2 * pause, 0.1)
                if ended:
                    self._launch(name)
            self._progress(f"{name} answers on port {server.port}")

    def _ask_to_end(self, name: ServerName, number: signal.Signals) -> None:
        process = self._processes[name]
        record = process.record()
        if record is None:
            return
        process.send(number)
        # A frozen server takes no signal but SIGKILL until it goes on.
        process.send(signal.SIGCONT)
        if self._guard is not None:
            self._guard.drop(record)

    def _end_process(self, name: ServerName, number: signal.Signals) -> None:
        self._ask_to_end(name, number)
        self._processes[name].await_end(_STOP_DEADLINE_S)

    def _stop_processes(self, names: Sequence[ServerName]) -> None:
        """Ask all to end at once, then wait for each."""
        for name in names:
            self._ask_to_end(name, _STOP[name])
        for name in names:
            self._processes[name].await_end(_STOP_DEADLINE_S)

    def _end(self, names: Sequence[ServerName]) -> None:
        if names:
            (self._run / "endpoints.json").unlink(missing_ok=True)
        self._endpoints = None
        self._stop_processes(names)
        if self._guard is not None:
            self._guard.close()
            self._guard = None
        self._ownership.release()
