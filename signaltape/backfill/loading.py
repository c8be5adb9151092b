"""Rows of a history, chunk by chunk, through the engine into the warehouse."""

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from infra.crash_points import reach
from infra.warehouse.backfills import BackfillWriter, Chunk, ChunkReport
from infra.warehouse.bulk import Rows
from infra.warehouse.feature_rows import bar_rows, feature_rows
from infra.warehouse.return_rows import return_rows
from pipeline.backfill import HistoryEngines, Yielded
from schemas.bars import BarBatch

#: Generation of rows that come from no log, and their offset there.
_GENERATION, _OFFSET = 0, -1


@dataclass(kw_only=True, slots=True)
class Loaded:
    """What this process has added: rows by table, rows that existed by table, bars, and bars stepped only."""

    inserted: Counter[str] = field(default_factory=Counter)
    suppressed: Counter[str] = field(default_factory=Counter)
    bars: int = 0
    stepped: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadOptions:
    """``chunk``: bars a transaction, at least. ``returns``: False leaves their rows out (to measure the rest alone)."""

    chunk: int = 20_000
    returns: bool = True


def load(
    writer: BackfillWriter,
    engines: HistoryEngines,
    sections: Iterable[tuple[int, BarBatch]],
    *,
    done: int = 0,
    options: LoadOptions | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Loaded:
    """Step all sections; write the rows of those from ``done`` on, in transactions of ``chunk`` bars.

    The engines step the next chunk while the one before is written; at most one is under way. Raises what the writer
    raises.
    """
    options = options or LoadOptions()
    loaded, before, count = Loaded(), done, done
    yielded, bars = Yielded(), 0
    with ThreadPoolExecutor(1, "backfill-rows") as pool:
        under_way: Future[ChunkReport] | None = None
        for number, (partition, batch) in enumerate(sections):
            size = len(batch.symbols)
            progress(size)
            if number < done:
                engines.take(partition, batch, None)
                loaded.stepped += size
                continue
            engines.take(partition, batch, yielded)
            bars, count = bars + size, number + 1
            if bars >= options.chunk:
                _settle(under_way, loaded)
                under_way = pool.submit(_write, writer, yielded, (before, count, bars), options.returns)
                yielded, before, loaded.bars, bars = Yielded(), count, loaded.bars + bars, 0
        _settle(under_way, loaded)
        if bars:
            _settle(pool.submit(_write, writer, yielded, (before, count, bars), options.returns), loaded)
            loaded.bars += bars
    return loaded


def _write(writer: BackfillWriter, yielded: Yielded, place: tuple[int, int, int], returns: bool) -> ChunkReport:
    before, done, bars = place
    rows: list[Rows] = [
        bar_rows([(batch, _OFFSET, kept, partition, _GENERATION) for partition, batch, kept in yielded.bars]),
        feature_rows([(batch, partition, _GENERATION) for partition, batch in yielded.features]),
    ]
    if returns:
        rows.append(return_rows([(batch, partition, _GENERATION) for partition, batch in yielded.returns]))
    reach("backfill.4_encoded")
    report = writer.write(Chunk(before=before, done=done, bars=bars, rows=rows))
    reach("backfill.4_chunk")
    return report


def _settle(under_way: "Future[ChunkReport] | None", loaded: Loaded) -> None:
    if under_way is not None:
        report = under_way.result()
        loaded.inserted.update(report.inserted)
        loaded.suppressed.update(report.suppressed)
