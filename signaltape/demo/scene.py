"""The servers, services and models that a demonstration runs on, started in order and stopped whatever happens."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.errors import OperatorError
from infra.places import cache_folder
from infra.settings import Settings, load_settings
from infra.stack import Endpoints, Ports, Stack, StackConfig
from infra.stack.stack import SERVER_NAMES
from signaltape.demo.browser import stop_command
from signaltape.demo.console import Console
from signaltape.detached import runs_detached, start_detached
from signaltape.service_table import PIPELINE
from signaltape.supervision import Supervisor


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """A running pipeline of its own: fresh servers, fresh data, settings that reach only them."""

    settings: Settings
    endpoints: Endpoints
    supervisor: Supervisor
    folder: Path
    environment: dict[str, str]
    notice: str | None


@contextmanager
def scene(
    home: Path, console: Console, *, services: Sequence[str] = PIPELINE, keep: bool = False, **environment: str
) -> Iterator[Scene]:
    """Start fresh servers below ``home/demo`` and give the settings that reach them; stop everything after the block.

    The data of the last demonstration stays until the next one begins. The services start with
    ``Scene.supervisor.start()``, once their models are there; ``environment`` is theirs. ``keep``: where the block
    ends well, servers and all services are left running in the background.
    """
    folder = home / "demo"
    with _alone(home), ExitStack() as cleanup:
        with console.step("starting Kafka, Postgres with TimescaleDB, Redis"):
            _require_stopped(folder)
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            cache_folder(folder).symlink_to(cache_folder(home))  # for `signaltape up` there, to look at its data later
            config = StackConfig(data=folder / "stack", cache=cache_folder(home), ports=Ports.free(), brief=not keep)
            stack = Stack(config, detached=keep, progress=console.say)
            cleanup.callback(stack.stop)
            endpoints = stack.start()
        environment |= {
            "SIGNALTAPE_HOME": str(folder),
            "SIGNALTAPE_KAFKA__BOOTSTRAP_SERVERS": endpoints.bootstrap_servers,
            "SIGNALTAPE_POSTGRES__DSN": endpoints.postgres_dsn,
            "SIGNALTAPE_REDIS__URL": endpoints.redis_url,
        }
        settings = load_settings(
            home=folder,
            kafka={"bootstrap_servers": endpoints.bootstrap_servers},
            postgres={"dsn": endpoints.postgres_dsn},
            redis={"url": endpoints.redis_url},
        )
        supervisor = Supervisor(services, folder / "logs", environment)
        cleanup.callback(supervisor.stop)
        yield Scene(
            settings=settings,
            endpoints=endpoints,
            supervisor=supervisor,
            folder=folder,
            environment={**os.environ, **environment},
            notice=stack.notice,
        )
        if keep:
            with console.step("leaving the services running in the background"):
                supervisor.stop()
                start_detached(folder, {**os.environ, **environment}, console.say)
            cleanup.pop_all()


def _require_stopped(folder: Path) -> None:
    config = StackConfig(data=folder / "stack", cache=folder)
    stack = Stack(config, detached=True)
    if runs_detached(folder) or any(stack.process_id(name) is not None for name in SERVER_NAMES):
        raise OperatorError(
            f"a demonstration that was kept still runs in {folder}; stop it first: {stop_command(folder)}"
        )


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Hold the demonstration's folder: a second one would remove the first one's data."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OperatorError(
                f"another demonstration is running in {home}; wait for it, or set SIGNALTAPE_HOME to another folder"
            ) from error
        yield


@contextmanager
def latency_probe(active: Scene) -> Iterator[Path]:
    """Run the latency probe beside the flow; its file is complete when the block has ended."""
    out = active.folder / "latency.txt"
    process = subprocess.Popen(
        [sys.executable, "-m", "signaltape.demo.probe", str(out)],
        env=active.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdout.readline()
        yield out
    finally:
        process.stdin.close()
        try:
            process.wait(20.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
