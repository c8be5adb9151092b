"""What one partition of the inference remembers, as bytes and back, and rebuilt from what was recorded since."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgpack
import numpy as np

from pipeline.deployments import ModelRef
from pipeline.feature_stats import SessionStats
from pipeline.routing.decision import OK
from pipeline.routing.dedup import DedupTable
from pipeline.routing.fallback import LastScores
from pipeline.routing.router import Router
from pipeline.routing.symbols import SymbolIndex
from schemas.predictions import SERVING_ROLES, PredictionBatch

STATE_VERSION = 1

LastKey = tuple[str, int, str]


class StateRefused(Exception):
    """A router snapshot was written by a release whose state this one can't read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Copies:
    """Head, watermark (ns UTC) and control state at the time of the snapshot; see ``Standing``, ``ControlState``."""

    head: int | None = None
    partition_time: int | None = None
    received: int = -1
    kept: tuple[tuple[int, int], ...] = ()


class RouterState:
    """Router, last scores per (model, version, interval), and open session statistics of one partition.

    ``features_offset`` is the next message of ``features`` after the state: statistics continue from there.
    ``copies`` repeats what the offset commit carries, for the repair of a commit that lost it.
    """

    def __init__(self) -> None:
        self.symbols = SymbolIndex()
        self.router = Router(self.symbols)
        self.last: dict[LastKey, LastScores] = {}
        self.stats = SessionStats()
        self.features_offset = 0
        self.copies = Copies()

    def last_of(self, ref: ModelRef, interval: str) -> LastScores:
        """Return the table of one model's last scores, empty if it is new."""
        return self.last.setdefault((ref.name, ref.version, interval), LastScores())

    def forget_models(self, kept: Iterable[ModelRef]) -> None:
        """Drop the last scores of models that aren't deployed any more."""
        names = {(ref.name, ref.version) for ref in kept}
        self.last = {key: table for key, table in self.last.items() if key[:2] in names}

    def replay(self, batches: list[PredictionBatch]) -> None:
        """Take the recorded batches of one source message, in their order."""
        for batch in batches:
            numbers = self.symbols.numbers(batch.symbols)
            answered = batch.status == OK
            if answered.any():
                last = self.last_of(ModelRef(name=batch.model, version=batch.model_version), batch.interval)
                last.remember(numbers[answered], batch.score[answered], batch.event_time)
        self.router.replay([batch for batch in batches if batch.role in SERVING_ROLES])

    def snapshot(self) -> bytes:
        """Return the state as MessagePack with raw columns."""
        body = {
            "v": STATE_VERSION,
            "features_offset": self.features_offset,
            "head": self.copies.head,
            "partition_time": self.copies.partition_time,
            "received": self.copies.received,
            "kept": self.copies.kept,
            "symbols": self.symbols.symbols,
            "dedup": {
                interval: [table.direction.tobytes(), table.event_time.tobytes()]
                for interval, table in self.router.tables.items()
            },
            "last": [
                [*key, table.score.tobytes(), table.event_time.tobytes()] for key, table in sorted(self.last.items())
            ],
            "stats": self.stats.state(),
        }
        data: bytes = msgpack.packb(body)
        return data

    @classmethod
    def restore(cls, data: bytes) -> "RouterState":
        """Rebuild from ``snapshot()``. Raises ``StateRefused`` for another version."""
        body: dict[str, Any] = msgpack.unpackb(data, strict_map_key=False)
        if body["v"] != STATE_VERSION:
            raise StateRefused(
                f"router snapshot has version {body['v']}, this release reads {STATE_VERSION}: run the release that "
                "wrote it, or signaltape repair --service inference"
            )
        state = cls()
        state.symbols = SymbolIndex(tuple(body["symbols"]))
        tables = {}
        for interval, (direction, event_time) in body["dedup"].items():
            table = tables[interval] = DedupTable()
            table.direction = np.frombuffer(direction, dtype=np.uint8).copy()
            table.event_time = np.frombuffer(event_time, dtype=np.int64).copy()
        state.router = Router(state.symbols, tables)
        for name, version, interval, score, event_time in body["last"]:
            last = state.last[name, version, interval] = LastScores()
            last.score = np.frombuffer(score, dtype=np.float64).copy()
            last.event_time = np.frombuffer(event_time, dtype=np.int64).copy()
        state.stats = SessionStats.restore(body["stats"])
        state.features_offset = body["features_offset"]
        state.copies = Copies(
            head=body["head"],
            partition_time=body["partition_time"],
            received=body["received"],
            kept=tuple((offset, effective) for offset, effective in body["kept"]),
        )
        return state
