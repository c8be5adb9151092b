"""One partition's log with corrections, a store of what its engine yields, and the repair job without servers."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from pipeline.engine import LogMessage, PartitionEngine
from pipeline.engine_types import FIRST, SECONDARY, EngineConfig, Lookup, RepairOutcome, Step, StoredBar
from pipeline.recompute import Beginning, History, Recomputation
from schemas.bars import Adjustment, BarBatch, StateRepair
from schemas.features import FeatureBatch, ReturnBatch
from tests.support.engine_log import ONE, OPEN

#: (symbol, event time)
Key = tuple[str, int]


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A stored bar."""

    offset: int
    batch: BarBatch
    row: int


@dataclass
class Request:
    """A repair request of a symbol: derived rows from ``since`` on."""

    offset: int
    symbol: str
    since: int
    reason: str
    open: bool = True


@dataclass
class RepairWorld:
    """Steps messages at consecutive offsets and keeps what follows. Everything is of interval 1m."""

    config: EngineConfig = ONE
    engine: PartitionEngine = field(init=False)
    offset: int = 0
    bars: list[Kept] = field(default_factory=list)
    splits: list[tuple[int, Adjustment]] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    outcomes: list[RepairOutcome] = field(default_factory=list)
    #: (set, symbol, event time) → revision → bits, and the available time.
    features: dict[tuple[str, str, int], dict[int, tuple[bytes, int]]] = field(default_factory=dict)
    returns: dict[Key, dict[int, dict[int, tuple[int, bytes]]]] = field(default_factory=dict)
    #: Added to ``as_of_offset`` of each repair: a planted fault.
    skew: int = 0

    def __post_init__(self) -> None:
        self.engine = PartitionEngine(self.config)
        self.step(OPEN)

    def step(self, message: LogMessage) -> Step:
        """Take one message of the log, and store what it yields."""
        found = {}
        if isinstance(message, BarBatch):
            found = {one.row: self._stored(one) for one in self.engine.needs_lookup(message)}
        offset, self.offset = self.offset, self.offset + 1
        step = self.engine.step(message, offset, found)
        if isinstance(message, BarBatch) and step.stored is not None:
            for row, status in zip(step.stored.rows.tolist(), step.stored.status.tolist(), strict=True):
                assert status in (FIRST, 1, 2, SECONDARY)
                if status != SECONDARY:
                    self.bars.append(Kept(offset=offset, batch=message, row=row))
        if isinstance(message, Adjustment) and step.log_event and not step.duplicates:
            self.splits.append((offset, message))
        self.requests += [Request(offset, need.symbol, need.event_time, need.reason) for need in step.repairs]
        if step.repaired is not None:
            self.outcomes.append(step.repaired)
            if step.repaired.outcome == "applied":
                for one in self.requests:
                    one.open &= not (one.symbol == step.repaired.symbol and one.offset < offset)
        self._keep(step, offset)
        return step

    def repairs(self) -> list[StateRepair]:
        """The repair job: rows and messages for every symbol with open requests, each as of its newest request."""
        made = []
        for symbol in dict.fromkeys(one.symbol for one in self.requests if one.open):
            mine = [one for one in self.requests if one.symbol == symbol and one.open]
            as_of, since = max(one.offset for one in mine), min(one.since for one in mine)
            splits = [(at, split) for at, split in self.splits if split.symbol == symbol and at <= as_of]
            work = Recomputation(self.config, "1m", splits)
            work.run(history(symbol, self.bars, as_of), {symbol: Beginning(source="v", since=since)})
            self._write(work, symbol, as_of)
            made.append(work.state_repair(symbol, as_of + self.skew, since))
        return made

    def settle(self, rounds: int = 6) -> None:
        """Work requests off until none is open."""
        for _ in range(rounds):
            if not any(one.open for one in self.requests):
                return
            for repair in self.repairs():
                self.step(repair)
        raise AssertionError(f"still open: {[one for one in self.requests if one.open]}")

    def current(self) -> dict[object, object]:
        """Current values of everything derived: of each key the row of the highest revision."""
        found: dict[object, object] = {key: rows[max(rows)][0] for key, rows in self.features.items()}
        found.update({key: rows[max(rows)] for key, rows in self.returns.items()})
        return found

    def _stored(self, wanted: Lookup) -> StoredBar | None:
        same = [
            one for one in self.bars
            if (one.batch.symbols[one.row], one.batch.event_time) == (wanted.symbol, wanted.event_time)
        ]  # fmt: skip
        if not same:
            return None
        one = max(same, key=lambda kept: (kept.batch.revision == wanted.revision, kept.batch.revision))
        values = [float(getattr(one.batch, name)[one.row]) for name in ("open", "high", "low", "close", "volume")]
        volume = values[4] if one.batch.volume_valid[one.row] else None
        prices = dict(zip(("open", "high", "low", "close"), values, strict=False))
        return StoredBar(revision=one.batch.revision, volume=volume, **prices)

    def _write(self, work: Recomputation, symbol: str, as_of: int) -> None:
        """Add the rows whose bits differ from the current ones, as corrections of the message at ``as_of``."""
        revision = as_of + 1
        for chosen in self.engine.sets:
            table = work.features(chosen.name)
            for row, time in enumerate(table.event_time.tolist()):
                bits = _bits(table.values[row], float(table.close[row]))
                rows = self.features.setdefault((chosen.name, symbol, time), {})
                before = [one for one in rows if one < revision]
                if not before or rows[max(before)][0] != bits:
                    rows.setdefault(revision, (bits, int(table.available_time[row])))
        back = work.returns()
        for row, time in enumerate(back.event_time.tolist()):
            labels = {
                horizon: (int(back.prediction_time[row, column]), back.log_return[row, column].tobytes())
                for column, horizon in enumerate(self.config.horizons)
                if back.present[row, column]
            }
            known = self.returns.setdefault((symbol, time), {})
            before = [one for one in known if one < revision]
            if not before or known[max(before)] != labels:
                known.setdefault(revision, labels)

    def _keep(self, step: Step, offset: int) -> None:
        for one in step.features:
            if not isinstance(one, FeatureBatch):
                continue
            for row, symbol in enumerate(one.symbols):
                rows = self.features.setdefault((one.feature_set, symbol, one.event_time), {})
                assert offset + 1 not in rows, "one message derives a row twice"
                assert one.kind == "live" or isinstance(step.repaired, RepairOutcome)
                values = np.where(one.valid[row], one.values[row], np.nan)
                rows[offset + 1] = (_bits(values, float(one.close[row])), int(one.available_time[row]))
        for back in step.returns:
            if isinstance(back, ReturnBatch):
                for row, symbol in enumerate(back.symbols):
                    labels = self.returns.setdefault((symbol, back.event_time), {}).setdefault(offset + 1, {})
                    labels[back.horizon] = (int(back.prediction_time[row]), back.log_return[row].tobytes())


def history(symbol: str, bars: Iterable[Kept], as_of: int) -> History:
    """The symbol's bars as of an offset: highest revision of each time, in order of time."""
    chosen: dict[int, Kept] = {}
    for one in bars:
        time = one.batch.event_time
        known = chosen.get(time)
        if one.offset > as_of or one.batch.symbols[one.row] != symbol:
            continue
        if known is None or known.batch.revision < one.batch.revision:
            chosen[time] = one
    kept = [chosen[time] for time in sorted(chosen)]

    def column(name: str) -> np.ndarray:  # type: ignore[type-arg]
        return np.array([getattr(one.batch, name)[one.row] for one in kept], dtype=np.float64)

    def whole(name: str) -> np.ndarray:  # type: ignore[type-arg]
        return np.array([getattr(one.batch, name) for one in kept], dtype=np.int64)

    return History(
        symbols=(symbol,), place=np.zeros(len(kept), dtype=np.int64), event_time=whole("event_time"),
        open=column("open"), high=column("high"), low=column("low"), close=column("close"),
        volume=np.where(column("volume_valid") == 1.0, column("volume"), np.nan),
        revision=whole("revision"), available_time=whole("available_time"),
        source_offset=np.array([one.offset for one in kept], dtype=np.int64),
    )  # fmt: skip


def clean(world: RepairWorld) -> RepairWorld:
    """The same facts without a correction: splits first, then the final bars in order of event time."""
    other = RepairWorld(config=world.config)
    for _, split in world.splits:
        other.step(split)
    for symbol in dict.fromkeys(one.batch.symbols[one.row] for one in world.bars):
        best: dict[int, Kept] = {}
        for one in world.bars:
            time = one.batch.event_time
            known = best.get(time)
            if one.batch.symbols[one.row] == symbol and (known is None or known.batch.revision < one.batch.revision):
                best[time] = one
        for time in sorted(best):
            other.step(_alone(best[time]))
    assert not other.requests
    return other


def _alone(kept: Kept) -> BarBatch:
    batch, row = kept.batch, slice(kept.row, kept.row + 1)
    columns = {name: getattr(batch, name)[row] for name in ("open", "high", "low", "close", "volume", "volume_valid")}
    fields = ("source", "interval", "event_time", "available_time", "revision")
    return BarBatch(feed="f", symbols=batch.symbols[row], **columns, **{name: getattr(batch, name) for name in fields})


def _bits(values: np.ndarray, close: float) -> bytes:  # type: ignore[type-arg]
    valid = np.isfinite(values)
    return np.where(valid, values, 0.0).tobytes() + valid.tobytes() + np.float64(close).tobytes()
