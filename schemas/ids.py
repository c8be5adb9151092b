"""Deterministic identities: the same fact has the same id, whoever writes it and however often."""

import hashlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import overload

from schemas.bars import BarBatch, StateRepair, Watermark
from schemas.link import Position


def digest(*parts: object) -> str:
    """Return 32 hexadecimal characters of SHA-256 over the parts, each with its length in front."""
    hasher = hashlib.sha256()
    for part in parts:
        data = str(part).encode()
        hasher.update(len(data).to_bytes(4, "little") + data)
    return hasher.hexdigest()[:32]


def derived_id(topic: str, partition: int, position: Position) -> str:
    """Id of a message derived from the bar message at ``position[0]``, as its part ``position[1]``."""
    return f"{topic}/{partition}/{position[0]}/{position[1]}"


def bar_batch_id(partition: int, batch: BarBatch) -> str:
    """Id of a cross-section: feed, source, interval, close, revision, partition and who is in it."""
    own = (batch.feed, batch.source, batch.interval, batch.event_time, batch.revision, partition)
    return hashlib.sha256(b"".join(map(_framed, own)) + _framed_all(batch.symbols)).hexdigest()[:32]


def watermark_id(partition: int, mark: Watermark) -> str:
    """Id of a feed's watermark on a partition."""
    return digest("watermark", mark.feed, partition, mark.event_time, mark.state)


def state_repair_id(partition: int, repair: StateRepair) -> str:
    """Identity of a repair: the same state, recomputed and sent again, has the same one."""
    return digest("state-repair", partition, repair.symbol, repair.interval, repair.as_of_offset, repair.state)


def signal_id(router: str, symbol: str, interval: str, event_time: int) -> str:
    """Id of a signal; no offset is part of it, so a log that was rewritten gives the same ids."""
    return digest("signal", router, symbol, interval, event_time)


def alert_id(policy: str, rule: str, strategy: str, subject: str, session: int) -> str:
    """Id of an alert: a repeated run finds the same one."""
    return digest("alert", policy, rule, strategy, subject, session)


class SignalIds(Sequence[str]):
    """``signal_id`` of every symbol of one bar, made when the first one is asked for: a backtest asks for few."""

    __slots__ = ("_ids", "_key", "_symbols")

    def __init__(self, router: str, symbols: Sequence[str], interval: str, event_time: int) -> None:
        self._key, self._symbols = (router, interval, event_time), symbols
        self._ids: list[str] | None = None

    def __len__(self) -> int:
        return len(self._symbols)

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> list[str]: ...

    def __getitem__(self, place: int | slice) -> str | list[str]:
        return self._made()[place]

    def __iter__(self) -> Iterator[str]:
        return iter(self._made())

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def _made(self) -> list[str]:
        if self._ids is None:
            router, interval, event_time = self._key
            self._ids = _signal_ids(router, self._symbols, interval, event_time)
        return self._ids


def _signal_ids(router: str, symbols: Sequence[str], interval: str, event_time: int) -> list[str]:
    """What the symbols share is encoded once."""
    before = b"".join(_framed(part) for part in ("signal", router))
    after = _framed(interval) + _framed(event_time)
    sha256 = hashlib.sha256
    # All digests to hexadecimal in one go: twice as fast as one by one.
    digits = b"".join(
        [
            sha256(b"%b%b%b%b" % (before, len(data).to_bytes(4, "little"), data, after)).digest()[:16]
            for data in map(str.encode, symbols)
        ]
    ).hex()
    return [digits[at : at + 32] for at in range(0, len(digits), 32)]


def _framed(part: object) -> bytes:
    data = str(part).encode()
    return len(data).to_bytes(4, "little") + data


@lru_cache(maxsize=1_024)
def _framed_all(symbols: tuple[str, ...]) -> bytes:
    """The same symbols come again with every bar."""
    return b"".join(map(_framed, symbols))
