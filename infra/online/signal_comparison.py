"""Compares the newest signals in Redis with the warehouse, and writes them anew from there."""

from collections.abc import Callable
from dataclasses import dataclass

from infra.online.signals import SignalCache
from infra.warehouse.connection import Connection
from infra.warehouse.newest_signals import newest_signals
from schemas.intervals import INTERVALS
from schemas.signals import Signal

_SHOWN = 10
#: Interval → symbol → newest signal.
_ByInterval = dict[str, dict[str, Signal]]


@dataclass(frozen=True, kw_only=True)
class SignalDifference:
    """How the two stores differ for one interval. examples: symbol and what is wrong, the first ten."""

    interval: str
    stored: int
    online: int
    missing: int
    different: int
    extra: int
    examples: tuple[tuple[str, str], ...] = ()

    @property
    def equal(self) -> bool:
        """True if every symbol has the same newest signal on both sides."""
        return not (self.missing or self.different or self.extra)


def compare_signals(connection: Connection, cache: SignalCache) -> list[SignalDifference]:
    """One line for each interval that either side has signals of; raises OnlineUnavailable."""
    listed = _listed(cache)  # before the warehouse is read: what the store shows it has stored before
    stored = _stored(connection)
    current = _listed(cache)
    lines = []
    for interval in (one for one in INTERVALS if one in listed or one in stored):
        want, have = stored.get(interval, {}), current.get(interval, {})
        faults = [(symbol, "has no signal in Redis") for symbol in want if symbol not in have]
        missing = len(faults)
        # A store that runs may have shown a newer one since the warehouse was read: only older ones are faults.
        different = [
            symbol for symbol, signal in want.items() if symbol in have and _differs(signal, have[symbol], listed)
        ]
        faults += [(symbol, "has another signal in Redis") for symbol in different]
        extra = sorted(set(listed.get(interval, {})) - set(want))
        faults += [(symbol, "has no signal in the warehouse") for symbol in extra]
        lines.append(
            SignalDifference(
                interval=interval,
                stored=len(want),
                online=len(have),
                missing=missing,
                different=len(different),
                extra=len(extra),
                examples=tuple(faults[:_SHOWN]),
            )
        )
    return lines


def rebuild_signals(connection: Connection, cache: SignalCache, progress: Callable[[str], None]) -> int:
    """Write every newest signal of the warehouse, and remove what it does not have; how many there are.

    A store may go on meanwhile: only what Redis had before the warehouse was read, and the warehouse does not have,
    is overwritten by something older. Raises OnlineUnavailable.
    """
    listed = _listed(cache)
    stored = _stored(connection)
    for interval in (one for one in INTERVALS if one in listed or one in stored):
        want, had = stored.get(interval, {}), listed.get(interval, {})
        cache.write(want.values())
        strayed = [want[symbol] for symbol in want if symbol in had and _order(had[symbol]) >= _order(want[symbol])]
        cache.write(strayed, force=True)
        removed = cache.remove(interval, sorted(set(had) - set(want)))
        progress(f"signals {interval}: {len(want)} symbols, {removed} removed")
    return sum(map(len, stored.values()))


def _differs(stored: Signal, shown: Signal, listed: _ByInterval) -> bool:
    if shown == stored:
        return False
    came_before = listed.get(stored.interval, {}).get(stored.symbol) == shown
    return came_before or _order(shown) <= _order(stored)


def _order(signal: Signal) -> tuple[int, int]:
    return signal.event_time, signal.seq


def _listed(cache: SignalCache) -> _ByInterval:
    found = {interval: cache.read(interval) for interval in INTERVALS}
    return {interval: signals for interval, signals in found.items() if signals}


def _stored(connection: Connection) -> _ByInterval:
    found: _ByInterval = {}
    for signal in newest_signals(connection):
        found.setdefault(signal.interval, {})[signal.symbol] = signal
    return found
