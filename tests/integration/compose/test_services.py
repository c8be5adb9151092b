"""Every service of the compose file on the local stack: its own command, its own environment, endpoints replaced."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.stack import Endpoints
from infra.stack.ports import free_ports
from tests.support.compose import AGENTS, services
from tests.support.isolation import unique_name
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

COMMAND = str(Path(sys.executable).parent / "signaltape")


class Translated:
    """The environment blocks with the addresses of containers replaced, and a topic prefix for isolation."""

    def __init__(self, endpoints: Endpoints, dsn: str, home: Path) -> None:
        home.mkdir()
        self._changes = {
            "SIGNALTAPE_KAFKA__BOOTSTRAP_SERVERS": endpoints.bootstrap_servers,
            "SIGNALTAPE_POSTGRES__DSN": dsn,
            "SIGNALTAPE_REDIS__URL": endpoints.redis_url,
            "SIGNALTAPE_HOME": str(home),
        }
        self._prefix = {"SIGNALTAPE_TOPICS__PREFIX": f"{unique_name()}."}

    def environment(self, service: str, **changes: str) -> dict[str, str]:
        """Exactly the service's block; nothing else of ours reaches the process."""
        own: dict[str, str] = services()[service]["environment"]
        assert set(self._changes) | set(changes) <= set(own)
        bare = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "TMPDIR", "TZ", "LANG")}
        return {**bare, **own, **self._changes, **changes, **self._prefix}


def signaltape(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    argv = [COMMAND, *arguments]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def translated(endpoints: Endpoints, database_dsn: str, tmp_path: Path) -> Translated:
    return Translated(endpoints, database_dsn, tmp_path / "home")


def test_init_and_every_agent_start_become_ready_and_end_in_order(translated: Translated, tmp_path: Path) -> None:
    init = signaltape(*services()["init"]["command"], environment=translated.environment("init"))
    assert init.returncode == 0, init.stderr
    assert "topics" in init.stdout
    ports = dict(zip(AGENTS, map(str, free_ports(len(AGENTS))), strict=True))
    started: dict[str, subprocess.Popen[Any]] = {}
    logs = {name: tmp_path / f"{name}.log" for name in AGENTS}
    try:
        for name in AGENTS:
            own = {"SIGNALTAPE_API__PORT": "0"} if name == "api" else {}
            environment = translated.environment(name, SIGNALTAPE_METRICS__PORT=ports[name], **own)
            with logs[name].open("wb") as log:
                argv = [COMMAND, *services()[name]["command"]]
                started[name] = subprocess.Popen(argv, env=environment, stdout=log, stderr=log, cwd=tmp_path)
        for name, process in started.items():
            wait_for(lambda name=name, process=process: is_ready(name, process, ports, logs), 90, f"{name} ready")
        for process in started.values():
            process.terminate()
        assert {name: process.wait(30) for name, process in started.items()} == dict.fromkeys(AGENTS, 0)
    finally:
        for process in started.values():
            if process.poll() is None:
                process.kill()
                process.wait()


def is_ready(name: str, process: "subprocess.Popen[Any]", ports: dict[str, str], logs: dict[str, Path]) -> bool:
    """Ask as the container's health check does."""
    assert process.poll() is None, f"{name} ended with {process.poll()}:\n{logs[name].read_text()[-3000:]}"
    check = [word if word != "9100" else ports[name] for word in services()[name]["healthcheck"]["test"][2:]]
    return signaltape(*check, environment={"PATH": os.environ["PATH"]}).returncode == 0
