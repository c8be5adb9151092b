"""The compose file as Docker Compose itself reads it, and the Dockerfile's steps."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(sys.executable).parent / "docker-compose"
#: Characters that a URL or a shell would trip over.
PASSWORD = "p@ss:w/or d$1'\""
#: Services of the pipeline; the others are servers.
AGENTS = ("ingest", "features", "inference", "store", "drift", "responder", "api", "daily", "monitor")


def run_config(
    *arguments: str, password: str | None = PASSWORD, folder: Path = ROOT, profiles: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run `docker compose config` with the real binary; it needs no daemon."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SIGNALTAPE_")}
    if password is not None:
        environment["SIGNALTAPE_DB_PASSWORD"] = password
    # An .env file of the developer's would answer for a variable that is missing.
    file = ["--env-file", os.devnull, "-f", str(folder / "docker-compose.yml")]
    argv = [str(BINARY), *file, *(word for one in profiles for word in ("--profile", one)), "config", *arguments]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=60)


@cache
def resolved(*profiles: str) -> dict[str, Any]:
    """The whole file with anchors and variables resolved, with these profiles on; `$$` stands for `$` in it."""
    answer = run_config("--format", "json", profiles=profiles)
    assert answer.returncode == 0, answer.stderr
    found: dict[str, Any] = json.loads(answer.stdout.replace("$$", "$"))
    return found


def services(*profiles: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = resolved(*profiles)["services"]
    return found


def dockerfile(instruction: str) -> list[str]:
    """Arguments of each line with one instruction, continued lines joined."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines()]
    return [line.removeprefix(instruction).strip() for line in lines if line.startswith(instruction + " ")]


def copied() -> list[str]:
    """What the Dockerfile takes from the project's folder."""
    return [source for line in dockerfile("COPY") for source in line.split()[:-1]]
