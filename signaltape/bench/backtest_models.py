"""Models that the benchmarks of backtests run: a linear one and one of 200 trees, on all features of `core`."""

from pathlib import Path

from producers.simulation.market import MarketConfig, simulate
from signaltape.training import Trained, TrainOptions, train

TREES = 200
#: Families by the name of their figures.
FAMILIES = {"linear": "linear", "trees": "lightgbm"}


def model(family: str, folder: Path, *, trees: int = TREES) -> Trained:
    """Train one of ``FAMILIES`` into ``folder``; its thresholds let signals be long, short and flat."""
    options = TrainOptions(
        name=family,
        family=FAMILIES[family],
        parameters={"trees": float(trees)} if family == "trees" else {},
        long_quantile=0.6,
        short_quantile=0.4,
        minimum_rows=200,
    )
    return train(simulate(MarketConfig(symbols=12, seed=11)), options, folder)
