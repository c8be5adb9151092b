"""A log with a loaded history, corrections and repairs, told in parts to an agent with few sets, or with all."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from consumers.store.repair_job import RepairJob
from infra.broker.publisher import Publisher
from infra.settings import Settings
from pipeline.engine import LogMessage
from producers.bar_files import write_bars
from producers.cross_sections import cross_sections
from producers.history import Availability
from schemas.bars import Adjustment, BarBatch, Watermark
from schemas.partitioning import partition_of
from signaltape.backfill import BackfillRequest, LoadOptions, run_backfill
from signaltape.initialisation import initialise
from tests.support.feature_runs import everywhere, take, wait_done, write_log
from tests.support.services import running
from tests.support.world import small_market

PARTITIONS = 2
MARKET = small_market(symbols=10, bars=110, seed=5)
TIMES = sorted(set(MARKET.event_time.tolist()))
#: Their first eighty bars are loaded from a file; the others' come live.
LOADED = tuple(f"SIM{number:04}" for number in range(5))
LIVE = tuple(f"SIM{number:04}" for number in range(5, 10))
LATE = ("SIM0006", TIMES[64])
SPLITS = (("SIM0002", TIMES[60], 2.0), ("SIM0008", TIMES[70], 0.5))
Log = list[tuple[int, LogMessage]]


def begin(settings: Settings, folder: Path) -> None:
    """Topics and tables; the history of some symbols, with a split inside it."""
    initialise(settings)
    early = MARKET.between(end=TIMES[79])
    write_bars(folder / "history.parquet", early.take(np.isin(early.symbol, LOADED)))
    symbol, at, factor = SPLITS[0]
    (folder / "splits.csv").write_text(f"symbol,effective_time,factor\n{symbol},{at},{factor}\n")
    request = BackfillRequest(
        file=folder / "history.parquet", interval="1m", stamp="close", availability=Availability(lag=0),
        run="history", source="world", adjustments=folder / "splits.csv",
    )  # fmt: skip
    run_backfill(settings, request, LoadOptions(chunk=100))


def first_part() -> Log:
    """Live bars up to minute 85: a feed's opening, then the others' early bars but a late one."""
    opening = Watermark(feed="world", event_time=0, state="open")
    return [*everywhere(opening, PARTITIONS), *bars(0, 79, LIVE, without=LATE), *bars(80, 85)]


def corrections() -> Log:
    """A revision, one of a loaded bar from far back, the late bar, and a late split."""
    symbol, at, factor = SPLITS[1]
    split = Adjustment(
        feed="world", source="world", symbol=symbol, factor=factor, effective_time=at, available_time=TIMES[85]
    )
    late = [(number, replace(one, available_time=TIMES[85])) for number, one in bars(64, 64, LATE[:1])]
    return [revised("SIM0007", 60), revised("SIM0000", 6), *late, (partition_of(symbol, PARTITIONS), split)]


def last_part() -> Log:
    """The rest, and the feed's end."""
    final = Watermark(feed="world", event_time=TIMES[-1], state="final")
    return [*bars(98, 109), *everywhere(final, PARTITIONS)]


def bars(first: int, last: int, symbols: Iterable[str] = (), without: tuple[str, int] = ("", 0)) -> Log:
    """Batches of the minutes from ``first`` to ``last``, of some symbols (default: all)."""
    table = MARKET.between(start=TIMES[first] - 1, end=TIMES[last])
    if symbols:
        table = table.take(np.isin(table.symbol, tuple(symbols)))
    table = table.take(~((table.symbol == without[0]) & (table.event_time == without[1])))
    sections = cross_sections(table, partitions=PARTITIONS, feed="world", source="world")
    return [one for _, section in sections for one in section]


def revised(symbol: str, minute: int, revision: int = 1) -> tuple[int, LogMessage]:
    """A bar with another close, within its range."""
    ((number, batch),) = bars(minute, minute, (symbol,))
    assert isinstance(batch, BarBatch)
    close = (batch.high if revision % 2 else batch.low).copy()
    return number, replace(take(batch, [0]), revision=revision, close=close, available_time=TIMES[85] + revision)


def repaired(settings: Settings) -> int:
    """Let the repair job work off what is asked for, and the agent (which runs) take the states."""
    job = RepairJob(settings, Publisher(settings, "test-repairs"))
    count = job.work_off()
    job.close()
    wait_done(settings)
    return count


def tell_first(settings: Settings) -> None:
    """Everything up to minute 93, taken by an agent that is stopped then."""
    with running(settings, "features") as started:
        for part in (first_part(), corrections()):
            write_log(settings, part)  # type: ignore[arg-type]
            wait_done(settings)
        assert repaired(settings) == 4
        write_log(settings, bars(86, 93))  # type: ignore[arg-type]
        wait_done(settings)
        assert started["features"].stop() == 0


def tell_last(settings: Settings) -> None:
    """The rest, with one more correction of an early bar, taken by an agent that is stopped then."""
    with running(settings, "features") as started:
        write_log(settings, [*last_part()[:-PARTITIONS], revised("SIM0009", 40)])  # type: ignore[arg-type]
        wait_done(settings)
        assert repaired(settings) == 1
        write_log(settings, last_part()[-PARTITIONS:])  # type: ignore[arg-type]
        wait_done(settings)
        assert started["features"].stop() == 0


#: Everything but clocks; of states in the log what they are about (they name the sets that they were made for), and of
#: requests not where the recomputation began: states that were kept before are of other sets.
_COMPARED = {
    "bars": "SELECT to_jsonb(t) - 'ingest_time' FROM bars t",
    "features": "SELECT to_jsonb(t) - 'ingest_time' FROM features t",
    "returns": "SELECT to_jsonb(t) - 'ingest_time' FROM returns t",
    "events": "SELECT partition, source_offset, type, event_time, generation,"
    " CASE WHEN type <> 'StateRepair' THEN payload END FROM log_events",
    "requests": "SELECT partition, source_offset, symbol, interval, event_time, reason, status, as_of_offset,"
    " feature_rows, return_rows FROM repair_requests",
    "states": "SELECT partition, effect_offset, snapshot_offset, snapshot FROM checkpoints WHERE service = 'features'",
}


def contents(settings: Settings) -> dict[str, list[Any]]:
    """Rows of the tables, sorted, and the engines' states."""
    with psycopg.connect(settings.postgres.dsn) as connection:
        return {
            name: sorted(map(repr, connection.execute(query).fetchall()))  # type: ignore[call-overload]
            for name, query in _COMPARED.items()
        }
