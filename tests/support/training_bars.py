"""Simulated bars to train on, and models trained on them."""

import hashlib
import json
import sys
from pathlib import Path

from producers.bar_table import BarTable
from producers.simulation.market import MarketConfig, simulate
from signaltape.training import Trained, TrainOptions, train
from signaltape.training.families import FAMILIES
from signaltape.training.options import TARGETS


def simulated(ic: float = 0.3, symbols: int = 25, sessions: int = 2, seed: int = 7) -> BarTable:
    """Minute bars of a seeded market with a planted predictable part of strength ``ic`` per bar, a few missing."""
    return simulate(MarketConfig(seed=seed, symbols=symbols, sessions=sessions, ic=ic, missing=0.01))


def trained(folder: Path, family: str, table: BarTable | None = None, **options: object) -> Trained:
    """A model of the given family, horizon 1, over simulated bars unless others are given."""
    chosen = {"name": f"sim-{family}", "family": family, "horizon": 1, **options}
    return train(simulated() if table is None else table, TrainOptions(**chosen), folder)  # type: ignore[arg-type]


def main() -> None:
    """Train every family with both targets in a process of its own; print the SHA-256 of each ONNX file: ``FOLDER``."""
    bars = simulated(symbols=6, sessions=1)
    found = {}
    for family in FAMILIES:
        for target in TARGETS:
            made = trained(Path(sys.argv[1]) / f"{family}-{target}", family, bars, target=target)
            content = (made.folder / made.manifest.onnx_file).read_bytes()
            found[f"{family} {target}"] = hashlib.sha256(content).hexdigest()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
