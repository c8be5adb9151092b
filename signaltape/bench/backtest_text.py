"""Figures of backtests and replays as text."""

from collections.abc import Iterator
from typing import Any

_MODELS = {"linear": "linear model", "trees": "{trees} trees"}
_BASELINES = {
    "nautilus_bars": "NautilusTrader, bars only",
    "nautilus_features": "NautilusTrader, 8 features in Python",
    "nautilus_indicators": "NautilusTrader, 8 of its indicators",
    "backtesting_short": "backtesting.py, a run a symbol",
    "backtesting_long": "backtesting.py, one long run",
}


def backtest_lines(figures: dict[str, Any]) -> Iterator[str]:
    """Rates of the flow, of whole backtests and of the baselines."""
    yield "bars → signals in one thread, 34 features, every signal sent"
    yield f"  {'':<36} {'bars/s':>10}   {'a processor second':>18}   {'a bar time':>10}"
    for name, rows in figures["flow"].items():
        for row in rows:
            label = f"{_model(name, figures)}, {row['symbols']:,} symbols"
            yield f"  {label:<36} {_rates(row)}   {row['section_us']:>7,.0f} µs"
    bars = next(iter(figures["whole"].values()))["bars"]
    yield f"the same {bars:,} bars of {figures['symbols']} symbols through each (baselines: without reading them)"
    for name, row in figures["whole"].items():
        yield f"  {'whole backtest, ' + _model(name, figures):<36} {_rates(row)}   {row['peak_mb']:>7,.0f} MB"
    for name, row in figures["baselines"].items():
        yield f"  {_BASELINES[name]:<36} {_rates(row)}"
    if figures["baselines_absent"]:
        yield f"  {figures['baselines_absent']}"


def stored_lines(figures: dict[str, Any]) -> Iterator[str]:
    """Rates and memory out of the store."""
    yield f"whole backtests out of the store, {figures['symbols']} symbols"
    for name, rows in figures["store"].items():
        for row in rows:
            label = f"{_model(name, figures)}, {_length(row)}"
            yield f"  {label:<36} {_rates(row)}   {row['peak_mb']:>7,.0f} MB"
    for row in figures["file"]:
        label = f"out of a file, {_length(row)}"
        yield f"  {label:<36} {_rates(row)}   {row['peak_mb']:>7,.0f} MB"


def replay_lines(figures: dict[str, Any]) -> Iterator[str]:
    """A replay beside the live pipeline."""
    yield f"replay out of the store at full speed, everything stored ({figures['bars']:,} bars)"
    yield (
        f"  {figures['replay_bars_per_second']:,} bars/s   live pipeline {figures['live_bars_per_second']:,} bars/s"
        f"   ratio {figures['ratio']}   (with its start {figures['whole_seconds']} s)"
    )


def _model(name: str, figures: dict[str, Any]) -> str:
    return _MODELS[name].format(trees=figures["trees"])


def _length(row: dict[str, Any]) -> str:
    return f"{row['bar_times']:,} bar times"


def _rates(row: dict[str, Any]) -> str:
    return f"{row['bars_per_second']:>10,.0f}   {row['bars_per_cpu_second']:>18,.0f}"
