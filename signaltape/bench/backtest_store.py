"""Backtests out of the store: their speed, and their memory over some bar times and over ten times as many."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from infra.settings import Settings
from producers.bar_files import write_bars
from producers.history import Availability
from producers.simulation.market import MarketConfig, simulate
from signaltape.backfill.run import BackfillRequest, run_backfill
from signaltape.bench.backtest_models import FAMILIES, TREES, model
from signaltape.bench.backtest_process import run as whole


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where it runs: servers with topics and tables, a folder for files, what its processes see."""

    settings: Settings
    folder: Path
    environment: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """How much is loaded, and the models that are run over it."""

    symbols: int = 500
    sessions: int = 5
    families: tuple[str, ...] = tuple(FAMILIES)


def run(place: Place, say: Callable[[str], None] = lambda _: None, size: Size | None = None) -> dict[str, Any]:
    """Load the sessions, then backtest the first tenth of their bar times and all, each in a process of its own.

    The same from a file: it is read whole, so there memory does grow.
    """
    size = size or Size()
    table = simulate(MarketConfig(symbols=size.symbols, sessions=size.sessions, seed=5))
    file = place.folder / "bars.parquet"
    write_bars(file, table)
    say(f"loading {len(table):,} bars")
    availability = Availability(lag=0)
    request = BackfillRequest(
        file=file, interval="1m", stamp="close", availability=availability, run="bench", source="bench"
    )
    run_backfill(place.settings, request)
    times = np.unique(table.event_time)
    ends = {"tenth": int(times[len(times) // 10 - 1]), "all": int(times[-1])}
    found: dict[str, Any] = {"symbols": size.symbols, "trees": TREES, "store": {}, "file": []}
    for name in size.families:
        say(f"training, {name}")
        model(name, place.folder / "models" / name)
        found["store"][name] = []
        for part, end in ends.items():
            say(f"{name}, {part}")
            row = whole(_task(place, name, f"{name}-{part}") | {"start": int(times[0]), "end": end}, place.environment)
            found["store"][name].append(row)
    for part, end in ends.items():
        say(f"from the file, {part}")
        short = place.folder / f"bars-{part}.parquet"
        write_bars(short, table.between(end=end))
        task = _task(place, size.families[0], f"file-{part}")
        found["file"].append(whole(task | {"file": str(short)}, place.environment))
    return found


def _task(place: Place, family: str, name: str) -> dict[str, Any]:
    return {"model": str(place.folder / "models" / family), "out": str(place.folder / "backtests" / name)}
