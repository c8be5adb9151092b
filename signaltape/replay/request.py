"""What to replay."""

from dataclasses import dataclass

from pipeline.deployments import ModelRef
from pipeline.replay.naming import ReplayName
from producers.bar_source import SOURCES, BarFile
from producers.pace import parse_speed
from schemas.times import iso
from signaltape.replay.errors import ReplayUsageError

#: An end that no bar comes after.
EVER = 2**62


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplayRequest:
    """A range of history and how to replay it.

    ``start``, ``end``: closes in ns UTC, both included. ``source``: ``store``, ``topic``, or a ``BarFile``. ``model``:
    serves from ``start`` on, as ``strategy``, in the place of those that history's control events name. ``speed``: max,
    1x, 60x … . Raises ``ReplayUsageError``, and ``BarInputError`` for the speed.
    """

    name: ReplayName
    start: int
    end: int
    symbols: tuple[str, ...] = ()
    speed: str = "max"
    source: str | BarFile = "store"
    model: ModelRef | None = None
    strategy: str = "replay"

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ReplayUsageError(f"--from {iso(self.start)} is not before --to {iso(self.end)}")
        if isinstance(self.source, str) and self.source not in SOURCES:
            raise ReplayUsageError(f"--source {self.source!r:.80} is not known; use {', '.join(SOURCES)} or a file")
        if len(set(self.symbols)) != len(self.symbols):
            raise ReplayUsageError("--symbols names a symbol twice")
        parse_speed(self.speed)

    def document(self) -> dict[str, object]:
        """The same as plain values, for the record."""
        source = self.source if isinstance(self.source, str) else str(self.source.path)
        return {
            "from": iso(self.start) if self.start > 0 else "the first bar",
            "to": iso(self.end) if self.end < EVER else "the last bar",
            "symbols": list(self.symbols),
            "speed": self.speed,
            "source": source,
            "model": None if self.model is None else str(self.model),
        }
