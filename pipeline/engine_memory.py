"""What the engine remembers of bars that are not in its ring: corrections, late bars, other sources."""

from typing import Any

#: open, high, low, close, volume (None where the source gives none).
Content = tuple[float, float, float, float, float | None]


class BarMemory:
    """Contents by (interval, symbol, source), event time and revision; the newest ``depth`` times of each are kept.

    At or above ``floor`` the memory is complete: what isn't there was never seen. Below, only the store knows.
    """

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._rows: dict[tuple[str, str, str], dict[int, dict[int, Content]]] = {}
        self._floors: dict[tuple[str, str, str], int] = {}

    def add(self, key: tuple[str, str, str], event_time: int, revision: int, content: Content) -> None:
        """Remember a bar, forgetting the oldest time of the key where there are too many."""
        times = self._rows.setdefault(key, {})
        times.setdefault(event_time, {})[revision] = content
        if len(times) > self._depth:
            oldest = min(times)
            del times[oldest]
            self._floors[key] = max(self._floors.get(key, 0), oldest + 1)

    def get(self, key: tuple[str, str, str], event_time: int) -> dict[int, Content]:
        """Return the remembered revisions of a bar."""
        return self._rows.get(key, {}).get(event_time, {})

    def floor(self, key: tuple[str, str, str]) -> int:
        """Return the event time from which on the memory of ``key`` is complete."""
        return self._floors.get(key, 0)

    def state(self) -> list[Any]:
        """Return the memory as plain values, for a snapshot."""
        return [
            [list(key), self._floors.get(key, 0), [[at, list(found.items())] for at, found in times.items()]]
            for key, times in self._rows.items()
        ]

    @classmethod
    def restore(cls, depth: int, state: list[Any]) -> "BarMemory":
        """Rebuild a memory from ``state()``."""
        memory = cls(depth)
        for (interval, symbol, source), floor, times in state:
            key = (interval, symbol, source)
            memory._floors[key] = floor
            memory._rows[key] = {at: {revision: tuple(content) for revision, content in found} for at, found in times}
        return memory
