"""The online store: the newest feature vector of every symbol in Redis."""

import hashlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import resources
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from infra.online.errors import OnlineRestarted, OnlineUnavailable
from infra.online.layout import pack, unpack
from infra.settings import Settings
from pipeline.engine_types import LatestVectors

Result = TypeVar("Result")

#: Rows a script call: bounds how long one call keeps the server from others (about 2 ms).
_ROWS_A_CALL = 1000
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


class OnlineStore:
    """Writes and reads vectors by (set, version, interval, symbol); `read` and `write` raise OnlineUnavailable.

    Redis may lose the last second of what it acknowledged when it is killed. A restart is therefore noticed, however
    short: every new connection compares the server's run id with the one before. After a failure further calls fail
    at once for a while, so that a server that hangs does not slow the flow.
    """

    def __init__(self, settings: Settings) -> None:
        self._prefix = f"{settings.topics.prefix}online:"
        self._client = redis.Redis.from_url(
            settings.redis.url,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            redis_connect_func=self._greet,
        )
        self._script = resources.files("infra.online").joinpath("newest_first.lua").read_text()
        self._digest = hashlib.sha1(self._script.encode(), usedforsecurity=False).hexdigest()
        self._run_id: bytes | None = None
        self._restarted = False
        self._stale: set[int] = set()
        self._pause_s = 0.0
        self._not_before = 0.0

    def key(self, feature_set: str, set_version: int, interval: str, symbol: str) -> str:
        """Name of the key that holds a symbol's vector."""
        return f"{self._prefix}{feature_set}:{set_version}:{interval}:{symbol}"

    def write(
        self, feature_set: str, set_version: int, interval: str, vectors: LatestVectors, *, force: bool = False
    ) -> int:
        """Set each vector unless a newer one, by (event_time, source_offset), is there; how many were set.

        `force` overwrites newer ones too. Raises OnlineRestarted if the server was restarted since the last write.
        """
        if not vectors.symbols:
            return 0
        rows, width = pack(vectors)
        start = self.key(feature_set, set_version, interval, "")
        keys = [start + symbol for symbol in vectors.symbols]

        def send() -> int:
            with self._client.pipeline(transaction=False) as pipe:
                for at in range(0, len(keys), _ROWS_A_CALL):
                    part = keys[at : at + _ROWS_A_CALL]
                    data = rows[at * width : (at + len(part)) * width]
                    pipe.evalsha(self._digest, len(part), *part, width, data, int(force))
                return sum(pipe.execute())

        try:
            written = int(self._attempt(send))
        except redis.exceptions.NoScriptError:
            self._attempt(lambda: self._client.script_load(self._script))
            written = int(self._attempt(send))
        if self._restarted:
            self._restarted = False
            raise OnlineRestarted("Redis was restarted: what it acknowledged in its last second may be gone")
        return written

    def read(self, feature_set: str, set_version: int, interval: str, symbols: Sequence[str]) -> LatestVectors:
        """The vectors of those of `symbols` that have one, in the order asked."""
        keys = [self.key(feature_set, set_version, interval, symbol) for symbol in symbols]
        rows: list[bytes | None] = self._attempt(lambda: self._client.mget(keys)) if keys else []
        found = [(symbol, row) for symbol, row in zip(symbols, rows, strict=True) if row is not None]
        return unpack([symbol for symbol, _ in found], [row for _, row in found])

    def symbols(self, feature_set: str, set_version: int, interval: str) -> list[str]:
        """All symbols that have a vector, sorted."""
        start = self.key(feature_set, set_version, interval, "")
        keys: Iterator[bytes] = self._client.scan_iter(match=_pattern(start), count=1000)
        return sorted(self._attempt(lambda: {key.decode()[len(start) :] for key in keys}))

    def listed(self) -> dict[tuple[str, int, str], list[str]]:
        """The symbols of every (set, version, interval) that has a vector, all sorted; one pass over the keys."""
        keys: Iterator[bytes] = self._client.scan_iter(match=_pattern(self._prefix), count=1000)
        names = self._attempt(lambda: {tuple(key.decode()[len(self._prefix) :].split(":", 3)) for key in keys})
        found: dict[tuple[str, int, str], list[str]] = {}
        for name in sorted(name for name in names if len(name) == 4):
            found.setdefault((name[0], int(name[1]), name[2]), []).append(name[3])
        return found

    def remove(self, feature_set: str, set_version: int, interval: str, symbols: Iterable[str]) -> int:
        """Remove the vectors of `symbols`; how many there were."""
        keys = [self.key(feature_set, set_version, interval, symbol) for symbol in symbols]
        return self._attempt(lambda: int(self._client.delete(*keys))) if keys else 0

    def mark_stale(self, partitions: Iterable[int], reason: str = "") -> None:
        """Note that vectors of these partitions may be old, here and, if it answers, in Redis for its readers."""
        self._stale.update(partitions)
        marks: dict[Any, Any] = {str(one): reason for one in self._stale}
        try:
            self._attempt(lambda: self._client.hset(self._prefix + "stale", mapping=marks) if marks else 0)
        except OnlineUnavailable as error:
            _log.warning("online store is stale and cannot be marked so: %s", error)

    def clear_stale(self, partitions: Iterable[int]) -> None:
        """Take the mark away, once all current vectors of these partitions have been written."""
        names = [str(one) for one in partitions]
        if names:
            self._attempt(lambda: self._client.hdel(self._prefix + "stale", *names))
        self._stale.difference_update(map(int, names))

    def forget_stale(self, partition: int) -> None:
        """Leave a partition to its new owner, who writes all its vectors and clears the mark in Redis."""
        self._stale.discard(partition)

    def is_stale(self) -> bool:
        """True if any process has marked a partition; raises OnlineUnavailable if that can't be known."""
        return bool(self._stale) or bool(self._attempt(lambda: self._client.hlen(self._prefix + "stale")))

    @property
    def stale_partitions(self) -> frozenset[int]:
        """The partitions that this process has marked and not cleared."""
        return frozenset(self._stale)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _greet(self, connection: Any) -> None:
        """What redis-py does on a new connection, and a look at who answers there."""
        connection.on_connect()
        connection.send_command("INFO", "server")
        fields = dict(line.split(b":", 1) for line in connection.read_response().splitlines() if b":" in line)
        run_id = fields[b"run_id"]
        self._restarted |= self._run_id not in (None, run_id)
        self._run_id = run_id

    def _attempt(self, call: Callable[[], Any]) -> Any:
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


def _pattern(start: str) -> str:
    """What matches every key that begins with ``start``."""
    return "".join(f"\\{one}" if one in "*?[]\\" else one for one in start) + "*"
