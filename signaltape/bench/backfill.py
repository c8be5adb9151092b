"""Speed of a backfill: history through the engine into empty tables, with and without the rows of returns."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra.engine_choice import engine_config
from infra.settings import Settings
from infra.warehouse.backfills import BackfillWriter
from pipeline.backfill import HistoryEngines
from producers.history import Sections, history_of
from producers.simulation.market import MarketConfig, simulate
from schemas.intervals import MINUTE
from signaltape.backfill.loading import LoadOptions, load
from signaltape.bench.store import empty_database

SYMBOLS, SESSIONS = 500, 1


def run(settings: Settings, say: Callable[[str], None] = lambda _: None, symbols: int = SYMBOLS) -> dict[str, Any]:
    """Load one simulated market twice, each time into a database of its own, which is dropped after.

    The clock runs from the first bar to the last commit: stepping, encoding, COPY. Reading a file and publishing the
    states are not in it. ``bars_per_cpu_second`` counts the time that this process and, where it runs on this machine,
    the server's process had a core, added up: on a busy machine it is the steadier.
    """
    table = simulate(MarketConfig(symbols=symbols, sessions=SESSIONS))
    history = history_of(table, table.event_time + 2 * MINUTE)
    figures: dict[str, Any] = {"bars": len(table), "symbols": symbols, "chunk": LoadOptions().chunk}
    for name, returns in (("bars_and_features", False), ("with_returns", True)):
        say(name.replace("_", " "))
        with empty_database(settings) as own:
            writer = BackfillWriter(own, "bench")
            configs = [engine_config(own, number) for number in range(own.topics.partitions)]
            engines = HistoryEngines(configs, "bench", ())
            sections = Sections(history, partitions=len(configs), feed="bench", source="bench")
            writer.begin({}, len(sections), len(table))
            server = writer.connection.info.backend_pid
            begun, worked = time.perf_counter(), _cpu_seconds(server)
            loaded = load(writer, engines, sections, options=LoadOptions(returns=returns))
            seconds, worked = time.perf_counter() - begun, _cpu_seconds(server) - worked
            writer.close()
        rows = sum(loaded.inserted.values())
        figures[name] = {
            "seconds": round(seconds, 2),
            "bars_per_second": round(len(table) / seconds),
            "bars_per_cpu_second": round(len(table) / worked),
            "rows": rows,
            "rows_per_second": round(rows / seconds),
        }
    return figures


def _cpu_seconds(server: int) -> float:
    """Processor seconds of this process and of the server's."""
    try:
        fields = Path(f"/proc/{server}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return time.process_time() + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return time.process_time()
