"""One Redis as everything here uses it: failures that pass, restarts that are noticed, scripts in one round trip."""

import hashlib
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from infra.online.errors import OnlineRestarted, OnlineUnavailable
from infra.settings import Settings

_TIMEOUT_S = 1.0
_LONGEST_PAUSE_S = 5.0
#: Failures that pass by themselves; any other answer of the server is a fault of this program and is raised.
_AWAY = (
    redis.exceptions.ConnectionError,
    redis.exceptions.TimeoutError,
    redis.exceptions.ReadOnlyError,
    redis.exceptions.OutOfMemoryError,
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script; every call of it returns how many rows it set."""

    text: str
    digest: str

    @classmethod
    def named(cls, file: str) -> "Script":
        """The script in a file of this package."""
        text = resources.files("infra.online").joinpath(file).read_text()
        return cls(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


@dataclass(frozen=True, slots=True)
class ScriptCall:
    """Keys and arguments of one call of a script."""

    keys: Sequence[str]
    arguments: Sequence[Any]


class OnlineServer:
    """The connection; every call raises OnlineUnavailable while the server is away.

    Redis may lose the last second of what it acknowledged when it is killed. A restart is therefore noticed, however
    short: every new connection compares the server's run id with the one before. After a failure further calls fail
    at once for a while, so that a server that hangs does not slow the flow.
    """

    def __init__(self, settings: Settings) -> None:
        self.client = redis.Redis.from_url(
            settings.redis.url,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            redis_connect_func=self._greet,
        )
        self._run_id: bytes | None = None
        self._restarted = False
        self._pause_s = 0.0
        self._not_before = 0.0

    def attempt(self, call: Callable[[], Any]) -> Any:
        """Return what ``call`` returns. Raises OnlineUnavailable, at once for a while after a failure."""
        if time.monotonic() < self._not_before:
            raise OnlineUnavailable("Redis did not answer a moment ago; it is asked again soon")
        try:
            answer = call()
        except _AWAY as error:
            self._pause_s = min(max(0.1, 2 * self._pause_s), _LONGEST_PAUSE_S)
            self._not_before = time.monotonic() + self._pause_s
            raise OnlineUnavailable(f"Redis does not answer: {error}") from error
        self._pause_s = 0.0
        return answer

    def run(self, script: Script, calls: Sequence[ScriptCall]) -> int:
        """Run a script several times in one round trip and return the sum of its answers.

        Raises OnlineRestarted, after everything was written, if the server was restarted since the last write.
        """

        def send() -> int:
            with self.client.pipeline(transaction=False) as pipe:
                for call in calls:
                    pipe.evalsha(script.digest, len(call.keys), *call.keys, *call.arguments)
                return sum(pipe.execute())

        try:
            written = int(self.attempt(send))
        except redis.exceptions.NoScriptError:
            self.attempt(lambda: self.client.script_load(script.text))
            written = int(self.attempt(send))
        self.check_restart()
        return written

    def check_restart(self) -> None:
        """Raise OnlineRestarted, once, if a connection since the last check found another server process."""
        if self._restarted:
            self._restarted = False
            raise OnlineRestarted("Redis was restarted: what it acknowledged in its last second may be gone")

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def _greet(self, connection: Any) -> None:
        """What redis-py does on a new connection, and a look at who answers there."""
        connection.on_connect()
        connection.send_command("INFO", "server")
        fields = dict(line.split(b":", 1) for line in connection.read_response().splitlines() if b":" in line)
        run_id = fields[b"run_id"]
        self._restarted |= self._run_id not in (None, run_id)
        self._run_id = run_id


class StaleMarks:
    """Partitions of which Redis may show something old, noted here and, for its readers, in Redis."""

    def __init__(self, server: OnlineServer, key: str) -> None:
        self._server, self._key = server, key
        self._marked: set[int] = set()

    @property
    def partitions(self) -> frozenset[int]:
        """The partitions that this process has marked and not cleared."""
        return frozenset(self._marked)

    def mark(self, partitions: Iterable[int], reason: str = "") -> None:
        """Mark partitions; where Redis does not answer, here only."""
        self._marked.update(partitions)
        marks: dict[Any, Any] = {str(one): reason for one in self._marked}
        try:
            self._server.attempt(lambda: self._server.client.hset(self._key, mapping=marks) if marks else 0)
        except OnlineUnavailable as error:
            _log.warning("%s is stale and cannot be marked so: %s", self._key, error)

    def clear(self, partitions: Iterable[int]) -> None:
        """Take the mark away, once everything current of these partitions has been written."""
        names = [str(one) for one in partitions]
        if names:
            self._server.attempt(lambda: self._server.client.hdel(self._key, *names))
        self._marked.difference_update(map(int, names))

    def forget(self, partition: int) -> None:
        """Leave a partition to its new owner, who writes everything of it and clears the mark in Redis."""
        self._marked.discard(partition)

    def any(self) -> bool:
        """True if any process has marked a partition; raises OnlineUnavailable if that can't be known."""
        return bool(self._marked) or bool(self._server.attempt(lambda: self._server.client.hlen(self._key)))


def pattern(start: str) -> str:
    """What matches every key that begins with ``start``."""
    return "".join(f"\\{one}" if one in "*?[]\\" else one for one in start) + "*"
