"""Which symbols have bars: read seldom, searched often."""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from infra.settings import Settings
from infra.warehouse.bounded import read_bounded
from infra.warehouse.console_data import catalogue
from schemas.intervals import INTERVALS
from signaltape.serving.errors import ServingError

#: Symbols and intervals that are held; of more, the last ones by name can't be found by a part of it.
MOST_PAIRS = 50_000
_RENEWED_AFTER_S = 20.0
_PATIENCE_S = 8.0


@dataclass(frozen=True, slots=True)
class Held:
    """What was read at ``at`` (monotonic seconds): symbol → interval → newest close (ns UTC), by symbol."""

    symbols: Mapping[str, Mapping[str, int]] = field(default_factory=lambda: MappingProxyType({}))
    complete: bool = True
    at: float = float("-inf")

    def newest(self, symbol: str | None = None, interval: str | None = None) -> int | None:
        """The newest close of all, or of one symbol or interval."""
        chosen = self.symbols.values() if symbol is None else [self.symbols.get(symbol, {})]
        found = [close for held in chosen for name, close in held.items() if interval in (None, name)]
        return max(found, default=None)

    def intervals(self) -> list[str]:
        """Intervals that have bars, shortest first."""
        found = {name for held in self.symbols.values() for name in held}
        return sorted(found, key=lambda name: INTERVALS.get(name, 0))

    def known(self, symbol: str) -> Mapping[str, int]:
        """Intervals of a symbol with their newest close. Raises ServingError (``unknown_symbol``)."""
        held = self.symbols.get(symbol)
        if held is None:
            among = "" if self.complete else f" among the {MOST_PAIRS:,} symbols and intervals that a page holds"
            raise ServingError("unknown_symbol", f"no bar of {symbol!r:.160} is stored{among}", "symbol")
        return held


class Catalogue:
    """Held for some seconds; for several threads, of which one reads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._held = Held()

    def held(self) -> Held:
        """What there is. Raises what ``read_bounded`` raises, and ServingError while another one reads for too long."""
        # Those who wait must not take their turns one after the other at a Postgres that doesn't answer.
        if not self._lock.acquire(timeout=_PATIENCE_S):
            raise ServingError("overloaded", "the list of symbols is still being read; ask again in a moment")
        try:
            if time.monotonic() - self._held.at > _RENEWED_AFTER_S:
                self._held = self._read()
            return self._held
        finally:
            self._lock.release()

    def _read(self) -> Held:
        rows = read_bounded(
            self._settings, lambda connection: catalogue(connection, MOST_PAIRS), patience_s=_PATIENCE_S
        )
        found: dict[str, dict[str, int]] = {}
        for symbol, interval, newest in rows:
            found.setdefault(symbol, {})[interval] = newest
        return Held(symbols=MappingProxyType(found), complete=len(rows) < MOST_PAIRS, at=time.monotonic())


def search(held: Held, text: str, limit: int) -> dict[str, Any]:
    """Symbols that begin with ``text``, then those that have it within, whatever the case; ``limit`` at the most."""
    wanted = text.casefold()
    begin, within = [], []
    for symbol in held.symbols:
        folded = symbol.casefold()
        if folded.startswith(wanted):
            begin.append(symbol)
        elif wanted in folded:
            within.append(symbol)
    found = [*begin, *within]
    return {
        "symbols": [{"symbol": name, "intervals": _by_length(held.symbols[name])} for name in found[:limit]],
        "matching": len(found),
        "all": len(held.symbols),
        "truncated": len(found) > limit,
        "complete": held.complete,
        "intervals": held.intervals(),
        "newest": held.newest(),
    }


def _by_length(held: Mapping[str, int]) -> Sequence[Mapping[str, Any]]:
    order = sorted(held, key=lambda name: INTERVALS.get(name, 0))
    return [{"interval": name, "newest": held[name]} for name in order]
