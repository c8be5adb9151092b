"""A running pipeline with one live model and bars that closed a moment ago, for tests that ask it questions."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from infra.online import OnlineStore, SignalCache
from infra.scoring.registry import ModelRegistry
from infra.settings import Settings
from infra.warehouse import connect
from infra.warehouse.moments import to_nanoseconds
from pipeline.deployments import ModelRef
from pipeline.routing.decision import Thresholds
from producers.bar_table import BarTable
from producers.simulation.market import MarketConfig, simulate
from schemas.intervals import MINUTE
from signaltape.client import Control
from signaltape.initialisation import initialise
from tests.support.linear_models import write_linear_model
from tests.support.services import running
from tests.support.waiting import wait_for
from tests.support.world import DEADLINE_MS, lag_before, publish, wait_relayed

STRATEGY = "alpha"
#: Long enough for no signal to expire while the tests run.
HORIZON = 240
SERVICES = ("ingest", "features", "inference", "store")
WEIGHTS = {"logret_1": -0.3, "volume_z_20": -0.0003}


@dataclass(frozen=True)
class ServingWorld:
    """``ref`` is live for ``STRATEGY``; ``table`` holds what was published, its last close is ``last``."""

    settings: Settings
    ref: ModelRef
    table: BarTable
    last: int


def recent_market(symbols: int = 8, bars: int = 60) -> BarTable:
    """One-minute bars without gaps, the last of which closed within the last minute."""
    table = simulate(MarketConfig(symbols=symbols, seed=5, missing=0.0))
    closes = sorted(set(table.event_time.tolist()))[:bars]
    table = table.between(end=closes[-1])
    now = time.time_ns() // MINUTE * MINUTE
    return replace(table, event_time=table.event_time + np.int64(now - closes[-1]))


def register(settings: Settings, folder: Path, name: str = "linear-alpha", **manifest: object) -> ModelRef:
    """Register a linear model on the set core that states a direction at nearly every score."""
    values: dict[str, object] = {
        "thresholds": Thresholds(long=1e-5, short=-1e-5),
        "intervals": ("1m",),
        "horizon": HORIZON,
        "fallback": "last",
        "deadline_ms": DEADLINE_MS,
        **manifest,
    }
    made = write_linear_model(folder / name, name=name, version=0, feature_set="core", weights=WEIGHTS, **values)
    return ModelRef(name=name, version=ModelRegistry(settings).register(folder / name, made, []))


@contextmanager
def serving_world(settings: Settings, folder: Path) -> Iterator[ServingWorld]:
    """Start the services, activate a model, publish; everything is stored, in Redis too, when the block begins."""
    initialise(settings)
    ref = register(settings, folder)
    Control(settings).issue("activate", strategy=STRATEGY, model=ref.name, model_version=ref.version, reason="test")
    table = recent_market()
    with running(settings, *SERVICES):
        wait_relayed(settings, 1)
        publish(settings, table)
        wait_for(lambda: {stage for stage, _ in lag_before(settings)} <= {"drift"}, 60, "everything to be stored")
        world = ServingWorld(settings, ref, table, int(table.event_time.max()))
        _await_online(world)
        yield world


def _await_online(world: ServingWorld) -> None:
    """Wait until Redis shows what is stored: it comes there behind its rows, and nobody counts it as waiting."""
    online, cache, symbols = OnlineStore(world.settings), SignalCache(world.settings), set(world.table.symbol.tolist())

    def shown() -> bool:
        vectors = online.read("core", 1, "1m", sorted(symbols))
        newest = {symbol: one.event_time for symbol, one in cache.read("1m").items()}
        return (vectors.event_time == world.last).sum() == len(symbols) and newest == stored

    with connect(world.settings) as connection:
        rows = connection.execute("SELECT symbol, max(event_time) FROM signals GROUP BY symbol").fetchall()
    stored = {symbol: to_nanoseconds(event_time) for symbol, event_time in rows}
    wait_for(shown, 30, "everything to be in Redis")
    online.close()
    cache.close()
