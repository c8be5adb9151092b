"""Step 4 of the store: the newest signals in Redis.

The warehouse is the truth. What is written there and could not be shown, because Redis was away, may have lost its
last second, or because a predecessor died before it got there, is written once again from the warehouse; until then
the partition is *behind*, and marked as stale for the cache's readers.
"""

import time
from collections.abc import Iterable, Sequence

from infra.online.errors import OnlineUnavailable
from infra.online.signals import SignalCache
from infra.settings import Settings
from infra.telemetry.logs import get_logger
from infra.telemetry.metrics import SIGNALS_BEHIND
from infra.warehouse.connection import Warehouse
from infra.warehouse.errors import WarehouseUnavailable
from infra.warehouse.newest_signals import newest_signals
from infra.warehouse.store_rounds import StoreRound

_PROBE_S = 1.0


class NewestSignals:
    """Keeps the cache of signals current for the partitions of ``signals`` that this store owns."""

    def __init__(self, settings: Settings) -> None:
        self._cache = SignalCache(settings)
        self._warehouse = Warehouse(settings, "signaltape-store-signals")
        self._owned: frozenset[int] = frozenset()
        self._behind: frozenset[int] = frozenset()
        self._look_at = 0.0

    def take(self, partitions: Iterable[int]) -> None:
        """Another assignment: what is current on its partitions is written once again; until then they are stale."""
        taken = frozenset(partitions)
        for left in self._owned - taken:
            self._cache.stale.forget(left)
        self._owned = self._behind = taken
        self._cache.stale.mark(taken, "taken over: the newest signals are being written again")
        SIGNALS_BEHIND.set(float(bool(taken)))
        self._look_at = 0.0

    def show(self, rounds: Sequence[StoreRound]) -> None:
        """Write the newest signals of stored rounds. Redis away: all partitions are behind, the flow goes on."""
        try:
            self._cache.write(signal for one in rounds for _, signal in one.signals)
        except OnlineUnavailable as error:
            # A server that went away may have lost its last second: that concerns every partition.
            self._fall_behind(error)

    def catch_up(self) -> None:
        """Now and then: look whether Redis lost something, and write what is behind once it answers."""
        if time.monotonic() < self._look_at or not self._owned:
            return
        self._look_at = time.monotonic() + _PROBE_S
        try:
            self._cache.probe()
            if self._behind:
                self._write_again()
        except OnlineUnavailable as error:
            self._fall_behind(error)
        except WarehouseUnavailable as error:
            get_logger().warning("waiting", what="postgres", reason=str(error))
        SIGNALS_BEHIND.set(float(bool(self._behind)))

    def close(self) -> None:
        """Close the connections."""
        self._cache.close()
        self._warehouse.close()

    def _write_again(self) -> None:
        behind = self._behind
        current = self._warehouse.run(lambda connection: newest_signals(connection, behind))
        self._cache.write(current)
        self._cache.stale.clear(behind)
        self._behind = frozenset()
        get_logger().info("newest_signals_written", partitions=sorted(behind), signals=len(current))

    def _fall_behind(self, error: OnlineUnavailable) -> None:
        if self._behind != self._owned:
            get_logger().warning("newest_signals_behind", partitions=sorted(self._owned), reason=str(error))
        self._behind = self._owned
        self._cache.stale.mark(self._behind, str(error))
        SIGNALS_BEHIND.set(1.0)
