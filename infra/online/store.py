"""The online store: the newest feature vector of every symbol in Redis."""

from collections.abc import Iterable, Iterator, Sequence

from infra.online.layout import pack, unpack
from infra.online.server import OnlineServer, Script, ScriptCall, StaleMarks, pattern
from infra.settings import Settings
from pipeline.engine_types import LatestVectors

#: Rows a script call: bounds how long one call keeps the server from others (about 2 ms).
_ROWS_A_CALL = 1000


class OnlineStore:
    """Writes and reads vectors by (set, version, interval, symbol); `read` and `write` raise OnlineUnavailable."""

    def __init__(self, settings: Settings) -> None:
        self._prefix = f"{settings.topics.prefix}online:"
        self._server = OnlineServer(settings)
        self._client = self._server.client
        self._script = Script.named("newest_first.lua")
        self._marks = StaleMarks(self._server, self._prefix + "stale")

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
        calls = []
        for at in range(0, len(keys), _ROWS_A_CALL):
            part = keys[at : at + _ROWS_A_CALL]
            data = rows[at * width : (at + len(part)) * width]
            calls.append(ScriptCall(part, (width, data, int(force))))
        return self._server.run(self._script, calls)

    def read(self, feature_set: str, set_version: int, interval: str, symbols: Sequence[str]) -> LatestVectors:
        """The vectors of those of `symbols` that have one, in the order asked."""
        keys = [self.key(feature_set, set_version, interval, symbol) for symbol in symbols]
        rows: list[bytes | None] = self._server.attempt(lambda: self._client.mget(keys)) if keys else []
        found = [(symbol, row) for symbol, row in zip(symbols, rows, strict=True) if row is not None]
        return unpack([symbol for symbol, _ in found], [row for _, row in found])

    def symbols(self, feature_set: str, set_version: int, interval: str) -> list[str]:
        """All symbols that have a vector, sorted."""
        start = self.key(feature_set, set_version, interval, "")
        keys: Iterator[bytes] = self._client.scan_iter(match=pattern(start), count=1000)
        return sorted(self._server.attempt(lambda: {key.decode()[len(start) :] for key in keys}))

    def listed(self) -> dict[tuple[str, int, str], list[str]]:
        """The symbols of every (set, version, interval) that has a vector, all sorted; one pass over the keys."""
        keys: Iterator[bytes] = self._client.scan_iter(match=pattern(self._prefix), count=1000)
        names = self._server.attempt(lambda: {tuple(key.decode()[len(self._prefix) :].split(":", 3)) for key in keys})
        found: dict[tuple[str, int, str], list[str]] = {}
        for name in sorted(name for name in names if len(name) == 4):
            found.setdefault((name[0], int(name[1]), name[2]), []).append(name[3])
        return found

    def remove(self, feature_set: str, set_version: int, interval: str, symbols: Iterable[str]) -> int:
        """Remove the vectors of `symbols`; how many there were."""
        keys = [self.key(feature_set, set_version, interval, symbol) for symbol in symbols]
        return int(self._server.attempt(lambda: self._client.delete(*keys))) if keys else 0

    def mark_stale(self, partitions: Iterable[int], reason: str = "") -> None:
        """Note that vectors of these partitions may be old, here and, if it answers, in Redis for its readers."""
        self._marks.mark(partitions, reason)

    def clear_stale(self, partitions: Iterable[int]) -> None:
        """Take the mark away, once all current vectors of these partitions have been written."""
        self._marks.clear(partitions)

    def forget_stale(self, partition: int) -> None:
        """Leave a partition to its new owner, who writes all its vectors and clears the mark in Redis."""
        self._marks.forget(partition)

    def is_stale(self) -> bool:
        """True if any process has marked a partition; raises OnlineUnavailable if that can't be known."""
        return self._marks.any()

    @property
    def stale_partitions(self) -> frozenset[int]:
        """The partitions that this process has marked and not cleared."""
        return self._marks.partitions

    def close(self) -> None:
        """Close the connections."""
        self._server.close()
