"""The newest signal of every (symbol, interval) in Redis.

One hash per interval, a field per symbol: event time (ns UTC, int64), ``seq`` (int64), both little-endian, then the
signal as MessagePack, as it stands on its topic. The first two order what is written (`newest_signals.lua`).
"""

from collections.abc import Iterable, Mapping, Sequence
from struct import pack, unpack_from
from typing import Any

from infra.online.server import OnlineServer, Script, ScriptCall, StaleMarks
from infra.settings import Settings
from schemas.codec import decode
from schemas.intervals import INTERVALS
from schemas.signal_bytes import decode_signal, encode_signal
from schemas.signals import Signal

#: Rows a script call: bounds how long one call keeps the server from others.
_ROWS_A_CALL = 1000
_HEAD = "<qq"
_HEAD_BYTES = 16


def newest_of(signals: Iterable[Signal]) -> dict[tuple[str, str], Signal]:
    """(interval, symbol) → the newest of its signals, by (event_time, seq)."""
    found: dict[tuple[str, str], Signal] = {}
    for signal in signals:
        key = signal.interval, signal.symbol
        held = found.get(key)
        if held is None or (signal.event_time, signal.seq) >= (held.event_time, held.seq):
            found[key] = signal
    return found


class SignalCache:
    """Writes and reads newest signals; every call raises OnlineUnavailable while Redis is away."""

    def __init__(self, settings: Settings) -> None:
        self._start = f"{settings.topics.prefix}signals:"
        self._server = OnlineServer(settings)
        self._client = self._server.client
        self._script = Script.named("newest_signals.lua")
        self.stale = StaleMarks(self._server, f"{self._start}stale")

    def key(self, interval: str) -> str:
        """Name of the hash of an interval."""
        return f"{self._start}newest:{interval}"

    def write(self, signals: Iterable[Signal], *, force: bool = False) -> int:
        """Set each signal unless a newer one of its symbol and interval is there; one round trip. How many were set.

        ``force`` overwrites newer ones too. Raises OnlineRestarted, with everything written, if the server was
        restarted since the last write: what it acknowledged before may be gone.
        """
        rows: dict[str, list[Any]] = {}
        for (interval, symbol), signal in newest_of(signals).items():
            head = pack(_HEAD, signal.event_time, signal.seq)
            rows.setdefault(interval, []).extend((symbol, head + encode_signal(signal)))
        calls = [
            ScriptCall((self.key(interval),), (int(force), *given[at : at + 2 * _ROWS_A_CALL]))
            for interval, given in rows.items()
            for at in range(0, len(given), 2 * _ROWS_A_CALL)
        ]
        return self._server.run(self._script, calls) if calls else 0

    def probe(self) -> None:
        """Raise OnlineUnavailable if Redis is away, OnlineRestarted if it may have lost something."""
        self._server.attempt(self._client.ping)
        self._server.check_restart()

    def find(self, symbol: str, interval: str, partition: int) -> tuple[Signal | None, bool]:
        """The newest signal of a symbol, None if there is none, and whether its partition is marked as stale."""

        def ask() -> list[Any]:
            with self._client.pipeline(transaction=False) as pipe:
                pipe.hget(self.key(interval), symbol)
                pipe.hexists(f"{self._start}stale", str(partition))
                return pipe.execute()

        row, stale = self._server.attempt(ask)
        return (None if row is None else _signal(row)), bool(stale)

    def read(self, interval: str) -> dict[str, Signal]:
        """All newest signals of an interval, by symbol."""
        rows: Mapping[bytes, bytes] = self._server.attempt(lambda: self._client.hgetall(self.key(interval)))
        return {symbol.decode(): _signal(row) for symbol, row in sorted(rows.items())}

    def latest(self, limit: int, intervals: Sequence[str] = tuple(INTERVALS)) -> list[Signal]:
        """The ``limit`` newest of all newest signals of some intervals, newest first, then by symbol."""

        def ask() -> list[list[bytes]]:
            with self._client.pipeline(transaction=False) as pipe:
                for interval in intervals:
                    pipe.hvals(self.key(interval))
                return pipe.execute()

        rows = [row for found in self._server.attempt(ask) for row in found]
        rows.sort(key=lambda row: unpack_from(_HEAD, row), reverse=True)
        return sorted(map(_signal, rows[:limit]), key=lambda signal: (-signal.event_time, signal.symbol))

    def remove(self, interval: str, symbols: Sequence[str]) -> int:
        """Remove the signals of ``symbols``; how many there were."""
        return int(self._server.attempt(lambda: self._client.hdel(self.key(interval), *symbols))) if symbols else 0

    def close(self) -> None:
        """Close the connections."""
        self._server.close()


def _signal(row: bytes) -> Signal:
    data = row[_HEAD_BYTES:]
    signal = decode_signal(data) or decode(data)
    if not isinstance(signal, Signal):
        raise TypeError(f"Redis holds a {signal.TYPE} where a signal is expected")
    return signal
