"""A per-user folder of a test's own, and the command line run on the local stack in it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.places import cache_folder, data_home
from infra.settings import Settings
from infra.stack import Endpoints
from tests.support.isolation import isolated_settings
from tests.support.providers import scratch_folder

#: Ports that are free, so that it gets on with other stacks.
FREE_PORTS = {f"SIGNALTAPE_STACK__{name}_PORT": "0" for name in ("KAFKA", "CONTROLLER", "POSTGRES", "REDIS")}
#: What a server may take to start beside other tests.
PATIENT = {"SIGNALTAPE_STACK__DEADLINE_S": "180"}


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that Postgres' user can enter, removed afterwards with what that user wrote."""
    path = scratch_folder()
    yield path
    subprocess.run(["rm", "-rf", str(path)], check=True)


def new_home(path: Path) -> Path:
    """Make a per-user folder that shares the artifacts of this machine's stacks."""
    path.mkdir(mode=0o711)
    cache_folder(path).symlink_to(cache_folder(data_home()))
    return path


def environment_of(home: Path) -> dict[str, str]:
    """What a command needs to work on the stack of ``home``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SIGNALTAPE_")}
    return {**kept, **FREE_PORTS, "SIGNALTAPE_HOME": str(home)}


def command(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `signaltape …` on the stack of ``home``."""
    return subprocess.run(
        [sys.executable, "-m", "signaltape", *arguments],
        capture_output=True,
        text=True,
        env=environment_of(home) | PATIENT,
        check=False,
        timeout=240,
    )


def up(home: Path) -> Settings:
    """Start the stack of ``home``; settings that reach it, for this process."""
    answer = command(home, "up", "--json")
    assert answer.returncode == 0, answer.stderr
    endpoints = Endpoints(**json.loads(answer.stdout)["endpoints"])
    return isolated_settings(endpoints, home, endpoints.postgres_dsn, "")
