"""Bars of ``bars-in`` gathered by close: what becomes one cross-section in ``bars``."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from schemas.bars import BarBatch
from schemas.fields import F8Array
from schemas.partitioning import partitions_of


@dataclass(frozen=True, slots=True)
class GroupKey:
    """What the bars of one batch share; ordered by close, so that groups sort in time order."""

    event_time: int
    interval: str
    source: str
    revision: int
    available_time: int


@dataclass(slots=True, eq=False)
class BarGroup:
    """Bars with one key that follow each other in one partition of ``bars-in``.

    ``since`` is the monotonic time (s) at which the first of them was taken, ``first_offset`` where it lies,
    ``newest_before`` the newest close of the partition before it (ns UTC). ``blocks``: float64 (5, n) each: open,
    high, low, close, volume (NaN where the source gives none).
    """

    key: GroupKey
    since: float
    first_offset: int
    newest_before: int
    symbols: list[str] = field(default_factory=list)
    blocks: list[F8Array] = field(default_factory=list)

    def add(self, symbols: Sequence[str], block: F8Array) -> None:
        """Append n bars; ``block`` of shape (5, n)."""
        self.symbols.extend(symbols)
        self.blocks.append(block)


def batches_of(groups: Sequence[BarGroup], feed: str, partitions: int) -> Iterator[tuple[int, BarBatch]]:
    """Yield (partition of ``bars``, batch) for groups that share one key.

    A symbol that occurs twice opens another batch, so that the log keeps both bars in their order.
    """
    key = groups[0].key
    symbols = tuple(symbol for group in groups for symbol in group.symbols)
    block = np.concatenate([part for group in groups for part in group.blocks], axis=1)
    owner = _one_owner(symbols, partitions)
    if owner is not None:
        yield owner, _batch(key, feed, symbols, block)
        return
    places = np.array(_repeats(symbols), dtype=np.int64) * partitions + partitions_of(symbols, partitions)
    for place in np.unique(places).tolist():
        chosen = np.flatnonzero(places == place)
        named = tuple(symbols[row] for row in chosen.tolist())
        yield place % partitions, _batch(key, feed, named, block[:, chosen])


@lru_cache(maxsize=4_096)
def _one_owner(symbols: tuple[str, ...], partitions: int) -> int | None:
    """The partition on which all of them live; None if they live apart or one comes twice."""
    owners = set(partitions_of(symbols, partitions).tolist())
    return owners.pop() if len(owners) == 1 and len(set(symbols)) == len(symbols) else None


def _repeats(symbols: Sequence[str]) -> list[int]:
    """How often each symbol has come before in the list."""
    seen: dict[str, int] = {}
    found = []
    for symbol in symbols:
        found.append(seen.get(symbol, 0))
        seen[symbol] = found[-1] + 1
    return found


def _batch(key: GroupKey, feed: str, symbols: tuple[str, ...], block: F8Array) -> BarBatch:
    opening, high, low, close, volume = block
    valid = ~np.isnan(volume)
    return BarBatch(
        feed=feed,
        source=key.source,
        interval=key.interval,
        event_time=key.event_time,
        available_time=key.available_time,
        revision=key.revision,
        symbols=symbols,
        open=opening,
        high=high,
        low=low,
        close=close,
        volume=np.where(valid, volume, 0.0) + 0.0,  # a volume of -0.0 is 0.0
        volume_valid=valid,
    )
