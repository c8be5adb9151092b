"""History as it is to be replayed: one stream in order of event time, from the log's first message on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from infra.history.arithmetic import other_arithmetic
from infra.history.extents import Extent, extents
from infra.history.starting import control_before
from infra.history.topic_lanes import topic_lane
from infra.settings import Settings
from infra.warehouse.checkpoints import read_checkpoints
from infra.warehouse.connection import Connection, connect
from infra.warehouse.replays import known_symbols, stored_sets
from infra.warehouse.stored_log import stored_messages
from pipeline.deployments import ModelRef
from pipeline.engine import LogMessage
from pipeline.features import FEATURE_SETS
from pipeline.replay.aligning import LogEntry, aligned
from pipeline.replay.rewriting import named_model
from producers.bar_files import read_bars
from producers.bar_source import BarFile
from producers.bar_table import BarTable
from producers.file_log import file_log
from producers.splits import read_splits
from schemas.names import MAX_NAME
from schemas.topics import TopicNames
from signaltape.replay.errors import ReplayRefused, ReplayUsageError
from signaltape.replay.request import ReplayRequest

_WINDOW = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """``entries`` up to the end of the range, in which ``bars`` close; ``name`` says where they are from.

    ``models``: those that the control events among them name. ``notes``: see ``ReplayReport``.
    """

    entries: Iterator[LogEntry]
    bars: int
    name: str
    models: tuple[ModelRef, ...] = ()
    notes: tuple[str, ...] = ()


def open_source(live: Settings, request: ReplayRequest) -> Source:
    """Check that there is something to replay, and open it.

    Raises ``ReplayUsageError`` for symbols that nobody knows, ``ReplayRefused`` and ``HistoryError`` where the range
    can't be had.
    """
    source = request.source
    found = _file(live, request, source) if isinstance(source, BarFile) else _log(live, request, source)
    return replace(found, entries=_until(found.entries, request.end))


def _until(entries: Iterator[LogEntry], end: int) -> Iterator[LogEntry]:
    for entry in entries:
        if entry.time > end:
            return
        yield entry


def _file(live: Settings, request: ReplayRequest, source: BarFile) -> Source:
    table = read_bars(source.path, source.interval, source.stamp)
    if request.symbols:
        _refuse_unknown(request, [one for one in request.symbols if one not in set(table.symbol.tolist())], source.path)
    chosen = _within(table, request)
    if not chosen:
        raise ReplayRefused(f"{source.path.name} has no bar in the range: change --from and --to")
    splits = read_splits(source.splits) if source.splits is not None else ()
    entries = file_log(
        table, partitions=live.topics.partitions, source=source.path.stem[:MAX_NAME], lag=source.lag, splits=splits
    )
    return Source(entries=entries, bars=chosen, name=str(source.path))


def _within(table: BarTable, request: ReplayRequest) -> int:
    wanted = (table.event_time >= request.start) & (table.event_time <= request.end)
    if request.symbols:
        names = frozenset(request.symbols)
        wanted &= [symbol in names for symbol in table.symbol.tolist()]
    return int(wanted.sum())


def _log(live: Settings, request: ReplayRequest, source: str) -> Source:
    with connect(live, name="signaltape-replay") as connection:
        found = extents(connection, live, request.start, request.end)
        bars = sum(one.bars for one in found)
        if request.symbols:
            known = known_symbols(connection, request.symbols, request.start, request.end)
            _refuse_unknown(request, [one.symbol for one in known if not one.known], "the log")
            bars = sum(one.bars for one in known)
            if not bars:
                raise ReplayRefused("none of --symbols has a bar in the range: change --from and --to")
        if request.model is None:
            _refuse_changed_sets(live, stored_sets(connection))
        models = () if request.model is not None else _named_models(connection, found)
        notes = other_arithmetic(
            connection, [one.lane() for one in found],
            min(one.first_time for one in found), max(one.last_time for one in found),
        )  # fmt: skip
        points = read_checkpoints(connection, "features", TopicNames(live.topics.prefix).bars)
    if source == "topic":
        lanes = {partition: topic_lane(live, partition, 0) for partition in points}
    else:
        lanes = {p: _stored_lane(live, p, point.first_generation, point.effect_offset) for p, point in points.items()}
    return Source(entries=aligned(lanes), bars=bars, name=source, models=models, notes=notes)


def _named_models(connection: Connection, found: Sequence[Extent]) -> tuple[ModelRef, ...]:
    """The models that the log's decisions up to the end of the range name."""
    refs: set[ModelRef] = set()
    for extent in found:
        values = {"partition": extent.partition, "first_generation": extent.first_generation, "offset": extent.end}
        refs |= {ref for event in control_before(connection, values) if (ref := named_model(event)) is not None}
    return tuple(sorted(refs))


def _stored_lane(live: Settings, partition: int, generation: int, end: int) -> Iterator[tuple[int, LogMessage]]:
    """Read a window of offsets at a time: a transaction may not stay open for as long as a slow replay takes."""
    for start in range(0, end, _WINDOW):
        yield from list(stored_messages(live, partition, generation, start, min(start + _WINDOW, end)))


def _refuse_unknown(request: ReplayRequest, unknown: list[str], where: object) -> None:
    if unknown:
        raise ReplayUsageError(f"--symbols: {where} has no bar of {', '.join(unknown)}")


def _refuse_changed_sets(live: Settings, stored: dict[tuple[str, int], str]) -> None:
    """Raise ``ReplayRefused`` where a set computes other values today than those that history was made of."""
    for name in live.engine.feature_sets:
        now = FEATURE_SETS[name]
        versions = {version: digest for (known, version), digest in stored.items() if known == name}
        if versions and versions.get(now.version) != now.hash:
            past = ", ".join(f"v{version} ({digest[:12]})" for version, digest in sorted(versions.items()))
            raise ReplayRefused(
                f"feature set {name} has changed since: history was made with {past}, this release computes "
                f"v{now.version} ({now.hash[:12]}), which history's models don't know. Replay with the release of "
                "then, or give --model with one that was made for this set"
            )
