"""Backtests out of the store: their speed, and their memory over one session and over ten times as many bars."""

from collections.abc import Callable
from typing import Any

from producers.bar_files import write_bars
from producers.history import Availability
from producers.simulation.market import MarketConfig, simulate
from schemas.intervals import DAY
from signaltape.backfill.run import BackfillRequest, run_backfill
from signaltape.bench.backtest_models import FAMILIES, TREES, model
from signaltape.bench.backtest_process import run as whole
from signaltape.demo.scene import Scene

SYMBOLS, SESSIONS = 100, 10


def run(
    active: Scene, say: Callable[[str], None] = lambda _: None, *, symbols: int = SYMBOLS, sessions: int = SESSIONS
) -> dict[str, Any]:
    """Load ``sessions`` sessions, then backtest the first one and all, each in a process of its own.

    The same from the file: it is read whole, so its memory does grow with the file.
    """
    file = active.folder / "bars.parquet"
    table = simulate(MarketConfig(symbols=symbols, sessions=sessions, seed=5))
    write_bars(file, table)
    say(f"loading {len(table):,} bars")
    request = BackfillRequest(
        file=file, interval="1m", stamp="close", availability=Availability(lag=0), run="bench", source="bench"
    )
    run_backfill(active.settings, request)
    first, last = int(table.event_time.min()), int(table.event_time.max())
    ends = {1: (first - 1) // DAY * DAY + DAY, sessions: last}
    found: dict[str, Any] = {"symbols": symbols, "trees": TREES, "store": {}, "file": {}}
    for name in FAMILIES:
        say(f"training, {name}")
        folder = active.folder / "models" / name
        model(name, folder)
        found["store"][name] = []
        for count, end in ends.items():
            say(f"{name}, {count} sessions")
            task = {"model": str(folder), "out": str(active.folder / f"{name}-{count}"), "start": first, "end": end}
            found["store"][name].append({"sessions": count, **whole(task, active.environment)})
    for count, end in ends.items():
        say(f"from the file, {count} sessions")
        short = active.folder / f"bars-{count}.parquet"
        write_bars(short, table.between(end=end))
        task = {"model": str(active.folder / "models" / "linear"), "out": str(active.folder / f"file-{count}")}
        found["file"][str(count)] = whole(task | {"file": str(short)})
    return found
