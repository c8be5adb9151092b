"""Speed and memory of backtests: bars → signals alone, whole ones out of a file, and other backtesters beside them."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from producers.bar_files import write_bars
from producers.simulation.market import MarketConfig, simulate
from signaltape.bench import backtest_baselines as baselines
from signaltape.bench.backtest_flow import SIZES, measure
from signaltape.bench.backtest_models import FAMILIES, TREES, model
from signaltape.bench.backtest_process import run as whole

SYMBOLS = 500
Say = Callable[[str], None]


def run(say: Say = lambda _: None, *, sizes: tuple[int, ...] = SIZES, seconds: float = 2.0) -> dict[str, Any]:
    """Return the rates of each model and size, of whole backtests of one session, and of the baselines on its bars.

    A whole one has reading, trading, files and report in its time. The baselines' times are without reading the bars
    and without start-up, and NautilusTrader's strategy trades nothing.
    """
    with tempfile.TemporaryDirectory(prefix="signaltape-bench-") as scratch:
        folder = Path(scratch)
        bars = folder / "bars.parquet"
        write_bars(bars, simulate(MarketConfig(symbols=SYMBOLS, seed=5)))
        found: dict[str, Any] = {"trees": TREES, "symbols": SYMBOLS, "flow": {}, "whole": {}}
        for name in FAMILIES:
            say(f"training, {name}")
            model(name, folder / name)
            found["flow"][name] = [_flow(folder / name, size, seconds, say) for size in sizes]
            say(f"a whole backtest, {name}")
            task = {"model": str(folder / name), "out": str(folder / f"{name}-out"), "file": str(bars)}
            found["whole"][name] = whole(task)
        return found | _baselines(bars, say)


def _flow(folder: Path, size: int, seconds: float, say: Say) -> dict[str, Any]:
    say(f"{folder.name}, {size} symbols")
    return measure(folder, size, seconds)


def _baselines(bars: Path, say: Say) -> dict[str, Any]:
    reason = baselines.absent()
    if reason is not None:
        return {"baselines": {}, "baselines_absent": reason}
    made = {}
    for name in baselines.RUNS:
        say(name.replace("_", " "))
        made[name] = baselines.run(name, bars)
    return {"baselines": made, "baselines_absent": None}
