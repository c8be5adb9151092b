"""What to replay."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.deployments import ModelRef
from pipeline.replay.naming import ReplayName
from producers.pace import parse_speed
from schemas.times import iso
from signaltape.replay.errors import ReplayUsageError

LOG_SOURCES = ("log", "topic", "store")


@dataclass(frozen=True, kw_only=True, slots=True)
class BarFile:
    """A file of bars; ``stamp`` is what its times mean (open or close), ``splits`` a CSV of splits, if any."""

    path: Path
    interval: str
    stamp: str
    splits: Path | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplayRequest:
    """A range of history and how to replay it.

    ``start``, ``end``: closes in ns UTC, both included. ``source``: ``topic``, ``store``, ``log`` (the topic while it
    holds everything, else the store), or a ``BarFile``. ``model``: serves from ``start`` on in the place of those that
    history's control events name, as ``strategy``. ``speed``: max, 1x, 60x … . Raises ``ReplayUsageError``.
    """

    name: ReplayName
    start: int
    end: int
    symbols: tuple[str, ...] = ()
    speed: str = "max"
    source: str | BarFile = "log"
    model: ModelRef | None = None
    strategy: str = "replay"

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ReplayUsageError(f"--from {iso(self.start)} is not before --to {iso(self.end)}")
        if isinstance(self.source, str) and self.source not in LOG_SOURCES:
            raise ReplayUsageError(f"--source {self.source!r:.80} is not known; use {', '.join(LOG_SOURCES)} or a file")
        if len(set(self.symbols)) != len(self.symbols):
            raise ReplayUsageError("--symbols names a symbol twice")
        parse_speed(self.speed)

    def document(self) -> dict[str, object]:
        """The same as plain values, for the record."""
        source = self.source if isinstance(self.source, str) else str(self.source.path)
        return {
            "from": iso(self.start),
            "to": iso(self.end),
            "symbols": list(self.symbols),
            "speed": self.speed,
            "source": source,
            "model": None if self.model is None else str(self.model),
        }
