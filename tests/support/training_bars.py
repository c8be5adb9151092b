"""Simulated bars to train on, and models trained on them."""

import hashlib
import sys
from pathlib import Path

from producers.bar_table import BarTable
from producers.simulation.market import MarketConfig, simulate
from signaltape.training import Trained, TrainOptions, train


def simulated(ic: float = 0.3, symbols: int = 25, sessions: int = 2, seed: int = 7) -> BarTable:
    """Minute bars of a seeded market with a planted predictable part of strength ``ic`` per bar, a few missing."""
    return simulate(MarketConfig(seed=seed, symbols=symbols, sessions=sessions, ic=ic, missing=0.01))


def trained(folder: Path, family: str, table: BarTable | None = None, **options: object) -> Trained:
    """A model of the given family, horizon 1, over simulated bars unless others are given."""
    chosen = {"name": f"sim-{family}", "family": family, "horizon": 1, **options}
    return train(simulated() if table is None else table, TrainOptions(**chosen), folder)  # type: ignore[arg-type]


def main() -> None:
    """Train in a process of its own; print the SHA-256 of the ONNX file: ``FOLDER FAMILY``."""
    made = trained(Path(sys.argv[1]), sys.argv[2])
    print(hashlib.sha256((made.folder / made.manifest.onnx_file).read_bytes()).hexdigest())


if __name__ == "__main__":
    main()
