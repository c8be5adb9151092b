"""What the topics hold, counted from the messages alone."""

from collections import Counter
from dataclasses import dataclass, field

from infra.settings import Settings
from schemas.bars import BarBatch
from schemas.features import FeatureBatch, ReturnBatch
from schemas.link import Position
from schemas.topics import TopicNames
from signaltape.reconciliation.reading import Address, Buried, read_buried, read_messages
from signaltape.reconciliation.tally import Tally


@dataclass(kw_only=True)
class Counted:
    """Rows of one topic. tally: those that must be stored. firsts: partition → first offset that was there."""

    tally: Tally = field(default_factory=Tally)
    published: int = 0
    duplicates: int = 0
    dead_lettered: int = 0
    firsts: dict[int, int] = field(default_factory=dict)


@dataclass(kw_only=True)
class BarsLog:
    """The topic `bars`: its rows, and its other messages. keys: where each (partition, time …) has which symbols."""

    bars: Counted = field(default_factory=Counted)
    events: Counted = field(default_factory=Counted)
    keys: dict[tuple[object, ...], list[tuple[str, ...]]] = field(default_factory=dict)


def count_bars(settings: Settings) -> BarsLog:
    """Count bars: each (symbol, interval, event time, source, revision) is stored once, unless dead-lettered."""
    topic = TopicNames(settings.topics.prefix).bars
    buried, found = read_buried(settings, topic), BarsLog()
    for record, message in read_messages(settings, topic):
        address = (record.partition, record.offset)
        found.bars.firsts.setdefault(record.partition, record.offset)
        if isinstance(message, BarBatch):
            _count_batch(found, buried, message, address)
        elif message is None:
            found.bars.published += 1
            found.bars.dead_lettered += address in buried.messages
        else:
            found.events.published += 1
            if address in buried.messages or address in buried.rows:
                found.events.dead_lettered += 1
            else:
                found.events.tally.add((record.partition,), (message.TYPE,), 0, record.offset)
    return found


def _count_batch(found: BarsLog, buried: Buried, batch: BarBatch, address: Address) -> None:
    counted, size = found.bars, len(batch.symbols)
    counted.published += size
    dead = buried.rows.get(address, frozenset(range(size)) if address in buried.messages else frozenset())
    counted.dead_lettered += len(dead)
    symbols = batch.symbols
    if dead:
        symbols = tuple(symbol for row, symbol in enumerate(symbols) if row not in dead)
    before = found.keys.setdefault((address[0], batch.interval, batch.event_time, batch.source, batch.revision), [])
    if before:
        known = frozenset().union(*before)
        fresh = tuple(symbol for symbol in symbols if symbol not in known)
        counted.duplicates += len(symbols) - len(fresh)
        symbols = fresh
    if symbols:
        before.append(symbols)
        counted.tally.add((address[0], batch.interval), symbols, batch.event_time, address[1])


class Chain:
    """Tells messages of a chain that were published again from new ones."""

    def __init__(self) -> None:
        self._last: dict[int, Position] = {}

    def is_new(self, partition: int, position: Position) -> bool:
        if partition in self._last and position <= self._last[partition]:
            return False
        self._last[partition] = position
        return True


def count_returns(settings: Settings) -> tuple[Counted, Counter[tuple[str, int, str]]]:
    """Count labels by (interval, horizon, symbol); second: live ones only, for the closed form."""
    found, chain, live = Counted(), Chain(), Tally()
    for record, message in read_messages(settings, TopicNames(settings.topics.prefix).returns):
        if not isinstance(message, ReturnBatch):
            continue
        found.published += len(message.symbols)
        found.firsts.setdefault(record.partition, message.link.position[0])
        if not chain.is_new(record.partition, message.link.position):
            found.duplicates += len(message.symbols)
            continue
        key = (record.partition, message.interval, message.horizon)
        found.tally.add_each(key, message.symbols, message.event_time, message.prediction_time // 1000)
        if message.kind == "live":
            live.add((message.interval, message.horizon), message.symbols, 0, 0)
    counts = Counter({(key[0], key[1], key[2]): sums[0] for key, sums in live.by_symbol().items()})
    return found, counts


def count_vector(found: Counted, chain: Chain, partition: int, batch: FeatureBatch, start: int = 0) -> bool:
    """Count one batch of `features`; False if it was there before.

    One of a message before `start` is left out: its set was added to the log later, and readers that had the message
    without it drop it.
    """
    if batch.link.position[0] < start:
        chain.is_new(partition, batch.link.position)
        return False
    found.published += len(batch.symbols)
    found.firsts.setdefault(partition, batch.link.position[0])
    if not chain.is_new(partition, batch.link.position):
        found.duplicates += len(batch.symbols)
        return False
    key = (partition, batch.feature_set, batch.set_version, batch.interval)
    found.tally.add(key, batch.symbols, batch.event_time, batch.link.position[0])
    return True
