"""Where the servers of a test session come from: the local stack, or containers where a Docker daemon answers."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from infra.places import cache_folder, data_home
from infra.stack import Endpoints, Ports, Stack, StackConfig, ports
from infra.stack.stack import ServerName

PROVIDER = "SIGNALTAPE_TEST_PROVIDER"
ALLOW_PLAIN = "SIGNALTAPE_ALLOW_PLAIN_POSTGRES"


def chosen_provider() -> str:
    """`local` (default) or `testcontainers`."""
    name = os.environ.get(PROVIDER, "local")
    if name not in {"local", "testcontainers"}:
        raise pytest.UsageError(f"{PROVIDER} is {name!r}; it can be local or testcontainers")
    return name


def allow_plain_postgres() -> bool:
    """True if tests may run without the TimescaleDB extension; by default they insist on it."""
    return os.environ.get(ALLOW_PLAIN) == "1"


def scratch_folder() -> Path:
    """A new folder that the user of Postgres can enter: pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="signaltape-test-"))
    folder.chmod(0o711)
    return folder


def worker_ports(count: int) -> list[int]:
    """Free ports that no other worker of the run takes: what starts at the same time could pick the same ones."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    others = frozenset(port for port in range(ports.LOWEST, ports.HIGHEST) if port % workers != worker)
    return ports.free_ports(count, avoid=others)


def own_ports() -> Ports:
    """Those of a stack of its own."""
    kafka, controller, postgres, redis = worker_ports(4)
    return Ports(kafka=kafka, controller=controller, postgres=postgres, redis=redis)


def test_config(folder: Path, **changes: object) -> StackConfig:
    """A stack with free ports in `folder`, sharing jars and installations with the user's own stacks."""
    values: dict[str, object] = {
        "data": folder / "stack",
        "cache": cache_folder(data_home()),
        "ports": own_ports(),
        "durable": False,
        "brief": True,
        # A broker that is killed late in a long run has thousands of partitions to load again.
        "deadline_s": 180.0,
        "require_timescale": not allow_plain_postgres(),
        **changes,
    }
    return StackConfig(**values)  # type: ignore[arg-type]


test_config.__test__ = False  # type: ignore[attr-defined]


class TestStack(Protocol):
    """What tests do with the servers of the session, whichever provider started them."""

    __test__ = False

    @property
    def endpoints(self) -> Endpoints:
        """Where they answer; ports stay the same through restarts."""
        ...

    def kill(self, name: ServerName) -> None:
        """SIGKILL one server; its data stays."""
        ...

    def start_server(self, name: ServerName) -> None:
        """Start it again on the same port and data, wait until it is healthy."""
        ...

    def stop_server(self, name: ServerName) -> None:
        """Stop it in order."""
        ...

    def restart(self, name: ServerName) -> None:
        """Stop it in order and start it again."""
        ...

    def suspend(self, name: ServerName) -> None:
        """Freeze it: connections stay open, nothing answers."""
        ...

    def resume(self, name: ServerName) -> None:
        """Let it go on."""
        ...


@contextlib.contextmanager
def session_stack() -> Iterator[TestStack]:
    """The servers of one test session, from the chosen provider."""
    if chosen_provider() == "testcontainers":
        from tests.support.containers import container_stack

        with container_stack() as containers:
            yield containers
        return
    folder = scratch_folder()
    try:
        with Stack(test_config(folder)) as stack:
            yield stack
    finally:
        shutil.rmtree(folder, ignore_errors=True)
