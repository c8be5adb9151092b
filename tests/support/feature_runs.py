"""The feature agent against the engine in this process: the same log, compared row by row and bit by bit.

The expectation uses the engine and the codec only; what the agent left is read with bare clients.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import psycopg
from psycopg import sql

from infra.broker.admin import low_high_offsets
from infra.broker.publisher import Publisher
from infra.broker.reading import Record, read_topic
from infra.online.store import OnlineStore
from infra.settings import Settings
from infra.warehouse.moments import to_moment
from pipeline.chain import Fence
from pipeline.engine import LogMessage, PartitionEngine
from pipeline.engine_types import ROW_STATUSES, EngineConfig, Lookup, StoredBar, UnsupportedMessage
from schemas.bars import Adjustment, BarBatch, Watermark, rows_of
from schemas.codec import decode, encode
from schemas.control import ControlEvent
from schemas.errors import DecodeError
from schemas.features import FeatureBatch, ReturnBatch
from schemas.partitioning import partition_of
from schemas.topics import TopicNames
from tests.support.engine_log import Market, market
from tests.support.plain_digests import PlainTally, recorded
from tests.support.waiting import wait_for

Rows = list[tuple[Any, ...]]
DAY_START = 20_000 * 86_400 * 1_000_000_000


@dataclass(kw_only=True)
class Outcome:
    """Everything that a log leaves behind. Tables are sorted rows; topics are (partition, bytes) in chain order."""

    bars: Rows = field(default_factory=list)
    features: Rows = field(default_factory=list)
    returns: Rows = field(default_factory=list)
    log_events: Rows = field(default_factory=list)
    repairs: Rows = field(default_factory=list)
    features_topic: list[tuple[int, bytes]] = field(default_factory=list)
    returns_topic: list[tuple[int, bytes]] = field(default_factory=list)
    letters: set[tuple[int, int, str, str]] = field(default_factory=set)
    online: dict[tuple[str, str, str], tuple[Any, ...]] = field(default_factory=dict)
    digests: dict[tuple[str, str, str, int], tuple[int, int, int]] = field(default_factory=dict)

    def differences(self, other: "Outcome") -> list[str]:
        """One line for each part that isn't the same; `self` is the expectation."""
        lines = []
        for name in self.__dataclass_fields__:
            expected, found = getattr(self, name), getattr(other, name)
            if expected != found:
                missing = [one for one in expected if one not in found][:2] if len(expected) < 50_000 else "…"
                lines.append(f"{name}: {len(expected)} expected, {len(found)} found; missing {missing!r:.500}")
        return lines


def split(batch: BarBatch, partitions: int) -> list[tuple[int, BarBatch]]:
    """Cut a cross-section into the batches of its partitions."""
    owner = np.array([partition_of(symbol, partitions) for symbol in batch.symbols])
    return [(int(p), take(batch, np.flatnonzero(owner == p))) for p in np.unique(owner)]


def take(batch: BarBatch, rows: Any) -> BarBatch:
    """Some rows of a batch."""
    return rows_of(batch, np.array(rows, dtype=np.int64))


def batches_of(
    source: Market, partitions: int, *, first: int = 0, rows: int | None = None, seed: int = 0
) -> list[tuple[int, LogMessage]]:
    """The market's bars as batches by partition, cut into pieces of 1..`rows` symbols where that is given."""
    rng = np.random.default_rng(seed)
    found: list[tuple[int, LogMessage]] = []
    for at in range(source.close.shape[0]):
        whole = source.batch(at)
        if not whole.symbols:
            continue
        time = DAY_START + (first + at + 1) * 60_000_000_000
        for partition, batch in split(replace(whole, event_time=time, available_time=time), partitions):
            places = np.arange(len(batch.symbols))
            while places.shape[0]:
                size = int(rng.integers(1, rows + 1)) if rows else places.shape[0]
                found.append((partition, take(batch, places[:size])))
                places = places[size:]
    return found


def everywhere(message: LogMessage, partitions: int) -> list[tuple[int, LogMessage]]:
    """The same message for every partition."""
    return [(partition, message) for partition in range(partitions)]


def plain_log(
    partitions: int, *, symbols: int = 24, bars: int = 60, seed: int = 1, rows: int | None = None
) -> list[tuple[int, LogMessage]]:
    """A feed from open to final with a market's bars between, and a watermark every ten closes."""
    opening = Watermark(feed="f", event_time=0, state="open")
    closing = Watermark(feed="f", event_time=DAY_START + (bars + 1) * 60_000_000_000, state="final")
    body = batches_of(market(seed, bars, symbols, gaps=0.05, no_volume=0.1), partitions, rows=rows, seed=seed)
    return [*everywhere(opening, partitions), *body, *everywhere(closing, partitions)]


def write_log(settings: Settings, log: list[tuple[int, LogMessage | bytes | None]], *, linger_ms: int = 1) -> None:
    """Write messages, or raw bytes, into `bars` and wait for the acknowledgements.

    ``linger_ms``: how long messages are held back for others; long enough, those of a partition come all at once.
    """
    topic = TopicNames(settings.topics.prefix).bars
    publisher = Publisher(settings, "test-log", linger_ms=linger_ms)
    for partition, message in log:
        publisher.send(topic, partition, message if isinstance(message, bytes | None) else encode(message))
    publisher.flush_acknowledged()


def high_offsets(settings: Settings) -> dict[int, int]:
    """Partition → next offset of `bars`."""
    found = low_high_offsets(settings, TopicNames(settings.topics.prefix).bars)
    return {partition: high for partition, (_, high) in found.items()}


def effect_offsets(settings: Settings) -> dict[int, int]:
    """Partition → effect offset of the agent's checkpoint."""
    with psycopg.connect(settings.postgres.dsn) as connection:
        rows = connection.execute("SELECT partition, effect_offset FROM checkpoints WHERE service = 'features'")
        return dict(rows.fetchall())


def wait_done(settings: Settings, deadline_s: float = 60.0) -> None:
    """Wait until every message of `bars` has its effects."""
    goal = high_offsets(settings)

    def done() -> bool:
        found = effect_offsets(settings)  # beyond the goal where a repair has sent a state meanwhile
        return all(found.get(partition, 0) >= end for partition, end in goal.items())

    wait_for(done, deadline_s, f"effects up to {goal}", 0.05)


# --- what must come out ---------------------------------------------------------------------------------------------


class _Stored:
    """The bars that a log has stored so far, searched like the warehouse is."""

    def __init__(self) -> None:
        self._bars: dict[tuple[str, str, int, str], list[StoredBar]] = {}

    def add(self, batch: BarBatch, row: int) -> None:
        key = (batch.symbols[row], batch.interval, batch.event_time, batch.source)
        self._bars.setdefault(key, []).append(
            StoredBar(
                revision=batch.revision,
                open=float(batch.open[row]),
                high=float(batch.high[row]),
                low=float(batch.low[row]),
                close=float(batch.close[row]),
                volume=float(batch.volume[row]) if batch.volume_valid[row] else None,
            )
        )

    def find(self, one: Lookup) -> StoredBar | None:
        bars = self._bars.get((one.symbol, one.interval, one.event_time, one.source), [])
        same = [bar for bar in bars if bar.revision == one.revision]
        return same[0] if same else max(bars, key=lambda bar: bar.revision, default=None)


def expected_outcome(settings: Settings, engines: dict[int, PartitionEngine] | None = None) -> Outcome:
    """Step an engine per partition through the log as it stands in the topic. `engines`: filled with their end."""
    outcome, partitions = Outcome(), settings.topics.partitions
    engines = {} if engines is None else engines
    stored, tally = _Stored(), PlainTally()
    for partition in range(partitions):
        engines[partition] = PartitionEngine(EngineConfig(partition=partition, partitions=partitions))
    for record in read_topic(settings, TopicNames(settings.topics.prefix).bars):
        for part in _expect(record, engines[record.partition], stored, outcome):
            tally.features(part)
    outcome.digests = tally.digests
    for engine in engines.values():
        for chosen in engine.sets:
            for interval in engine.states:
                latest = engine.latest(chosen.name, interval)
                _note_online(outcome, chosen.name, interval, latest)
    return _sorted(outcome)


def _expect(record: Record, engine: PartitionEngine, stored: _Stored, outcome: Outcome) -> list[FeatureBatch]:
    """Take a message; its feature batches."""
    place = (record.partition, record.offset)
    try:
        message: Any = decode(record.value)
        if isinstance(message, FeatureBatch | ReturnBatch):
            raise DecodeError("unknown_type", "not a message of bars")
        lookups = engine.needs_lookup(message) if isinstance(message, BarBatch) else ()
        step = engine.step(message, record.offset, {one.row: stored.find(one) for one in lookups})
    except (DecodeError, UnsupportedMessage) as error:
        outcome.letters.add((*place, error.code, ""))
        return []
    if step.faults:
        rows = ",".join(str(fault.row) for fault in step.faults)
        outcome.letters.add((*place, step.faults[0].code, rows))
    outcome.features_topic += [(record.partition, encode(part)) for part in step.features]
    outcome.returns_topic += [(record.partition, encode(part)) for part in step.returns]
    if step.stored is not None:
        kept = step.stored
        assert kept.marks is not None
        for row, status, marks in zip(kept.rows.tolist(), kept.status.tolist(), kept.marks.tolist(), strict=True):
            stored.add(message, row)
            outcome.bars.append((*_bar_row(message, row, ROW_STATUSES[status], place), marks))
    if step.log_event:
        outcome.log_events.append((*place, message.TYPE, _event_time(message), record.value))
    for need in step.repairs:
        outcome.repairs.append((*place, need.symbol, need.interval, to_moment(need.event_time), need.reason))
    revision = (1 << 40) | (record.offset + 1)
    derived = [part for part in step.features if isinstance(part, FeatureBatch)]
    for part in derived:
        outcome.features += [_feature_row(part, row, revision, record.partition) for row in range(len(part.symbols))]
    outcome.returns += _return_rows([one for one in step.returns if isinstance(one, ReturnBatch)], revision, place[0])
    return derived


def _event_time(message: Any) -> Any:
    if isinstance(message, Adjustment):
        return to_moment(message.effective_time)
    return to_moment(message.effective_from if isinstance(message, ControlEvent) else message.event_time)


def _bar_row(batch: BarBatch, row: int, status: str, place: tuple[int, int]) -> tuple[Any, ...]:
    prices = tuple(float(getattr(batch, name)[row]) for name in ("open", "high", "low", "close"))
    volume = float(batch.volume[row]) if batch.volume_valid[row] else None
    times = (to_moment(batch.event_time), batch.source, batch.revision, to_moment(batch.available_time))
    return (batch.symbols[row], batch.interval, *times, batch.feed, status, *prices, volume, *place, row)


def _feature_row(part: FeatureBatch, row: int, revision: int, partition: int) -> tuple[Any, ...]:
    pairs = zip(part.values[row].tolist(), part.valid[row].tolist(), strict=True)
    values = [value if valid else None for value, valid in pairs]
    times = (part.interval, to_moment(part.event_time), revision, to_moment(int(part.available_time[row])))
    return (
        part.feature_set, part.set_version, part.symbols[row], *times, part.kind, float(part.close[row]), values,
        partition,
    )  # fmt: skip


def _return_rows(parts: list[ReturnBatch], revision: int, partition: int) -> Rows:
    found: dict[str, list[tuple[int, Any, float]]] = {}
    for part in parts:
        for row, symbol in enumerate(part.symbols):
            one = (part.horizon, to_moment(int(part.prediction_time[row])), float(part.log_return[row]))
            found.setdefault(symbol, []).append(one)
    first = parts[0] if parts else None
    return [
        (
            symbol, first.interval, to_moment(first.event_time), revision, to_moment(first.available_time), first.kind,
            *([one[place] for one in sorted(ripe)] for place in range(3)), partition,
        )
        for symbol, ripe in found.items() if first is not None
    ]  # fmt: skip


def _note_online(outcome: Outcome, name: str, interval: str, latest: Any) -> None:
    for row, symbol in enumerate(latest.symbols):
        outcome.online[name, interval, symbol] = (
            int(latest.event_time[row]), int(latest.source_offset[row]), latest.values[row].tobytes(),
            latest.valid[row].tobytes(), float(latest.close[row]), int(latest.available_time[row]),
        )  # fmt: skip


# --- what did come out ----------------------------------------------------------------------------------------------

#: Part of the outcome → its table and the columns that are compared, in the order of the rows made above.
COMPARED = {
    "bars": (
        "bars",
        (
            "symbol interval event_time source revision available_time feed status open high low close volume partition"
            " source_offset row_index quality"
        ),
    ),
    "features": (
        "features",
        "feature_set set_version symbol interval event_time revision available_time kind close values partition",
    ),
    "returns": (
        "returns",
        "symbol interval event_time revision available_time kind horizons prediction_times log_returns partition",
    ),
    "log_events": ("log_events", "partition source_offset type event_time payload"),
    "repairs": ("repair_requests", "partition source_offset symbol interval event_time reason"),
}
#: Table → the columns that are not compared. ``ingest_time``, ``requested_at``: the clock when the row was written.
#: ``id``: counts attempts too. ``generation``: of the log; these runs have one log, recreated ones have tests of their
#: own. ``status`` and what is told beside it: of the repair job, which doesn't run here.
LEFT_OUT = {
    "bars": "ingest_time generation",
    "features": "ingest_time",
    "returns": "ingest_time",
    "log_events": "ingest_time generation",
    "repair_requests": "id generation status requested_at as_of_offset repaired_at feature_rows return_rows detail",
}


def found_outcome(settings: Settings, engines: dict[int, PartitionEngine]) -> Outcome:
    """Read what the agent left; from Redis the symbols that `engines` know."""
    names, outcome = TopicNames(settings.topics.prefix), Outcome()
    with psycopg.connect(settings.postgres.dsn) as connection:
        connection.execute("SET timezone TO 'UTC'")
        for name, (table, columns) in COMPARED.items():
            chosen = sql.SQL(", ").join(map(sql.Identifier, columns.split()))
            query = sql.SQL("SELECT {} FROM {}").format(chosen, sql.Identifier(table))
            setattr(outcome, name, connection.execute(query).fetchall())
    outcome.features_topic = chain_of(settings, names.features)
    outcome.returns_topic = chain_of(settings, names.returns)
    outcome.letters = {letter_address(record) for record in read_topic(settings, names.dlq(names.bars))}
    online = OnlineStore(settings)
    for engine in engines.values():
        for chosen in engine.sets:
            for interval, state in engine.states.items():
                latest = online.read(chosen.name, chosen.version, interval, state.symbols)
                _note_online(outcome, chosen.name, interval, latest)
    online.close()
    outcome.digests = recorded(settings.postgres.dsn, "features", "corrections")
    return _sorted(outcome)


def chain_of(settings: Settings, topic: str) -> list[tuple[int, bytes]]:
    """What a reader that follows the chain takes, partition after partition. Raises ChainGap if it is broken."""
    fences: dict[int, Fence] = {}
    taken = []
    for record in read_topic(settings, topic):
        message: Any = decode(record.value)
        if fences.setdefault(record.partition, Fence()).take(message.link):
            taken.append((record.partition, record.value or b""))
    return taken


def published(settings: Settings, topic: str) -> int:
    """All messages of a topic, repeated ones too."""
    return sum(1 for _ in read_topic(settings, topic))


def letter_address(record: Record) -> tuple[int, int, str, str]:
    """(partition, offset, code, rows) of a dead letter, from its headers."""
    headers = {name: (value or b"").decode() for name, value in record.headers}
    return (
        int(headers["__connect.errors.partition"]),
        int(headers["__connect.errors.offset"]),
        headers["__connect.errors.exception.class.name"],
        headers.get("signaltape.rows", ""),
    )


def _sorted(outcome: Outcome) -> Outcome:
    for name in COMPARED:
        rows = [
            tuple(bytes(one) if isinstance(one, memoryview) else one for one in row) for row in getattr(outcome, name)
        ]
        setattr(outcome, name, sorted(rows, key=repr))
    for name in ("features_topic", "returns_topic"):
        setattr(outcome, name, sorted(getattr(outcome, name), key=lambda pair: pair[0]))
    return outcome


def assert_as_expected(settings: Settings) -> Outcome:
    """Compare what the agent left with the engine in this process; return what was expected."""
    engines: dict[int, PartitionEngine] = {}
    expected = expected_outcome(settings, engines)
    differences = expected.differences(found_outcome(settings, engines))
    assert not differences, "\n".join(differences)
    return expected
