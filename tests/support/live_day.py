"""A session through the live services with everything in it that a backtest must not stumble over.

A model swap, a pause, a late and a revised bar, a split, a model whose fallback answers, and services that are killed
under way.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from infra.settings import Settings
from infra.stack import Endpoints
from infra.warehouse import connect
from schemas.bars import Adjustment, BarBatch, Watermark
from schemas.intervals import MINUTE
from schemas.partitioning import partition_of
from signaltape.client import Control
from signaltape.initialisation import initialise
from tests.support import isolation, services
from tests.support.engine_log import Market, market
from tests.support.explained_run import alone, at, at_rest, decide, register
from tests.support.feature_runs import batches_of, everywhere, take, write_log
from tests.support.waiting import wait_for

PARTITIONS, SYMBOLS, BARS = 2, 8, 390
SWAP, KILL, SPLIT, FALLBACK, BACK, PAUSE, RESUME = 90, 130, 200, 260, 280, 300, 320
LATE, REVISED = ("S003", 150), ("S004", 148)
HALVED = "S001"
SERVICES = ("ingest", "features", "inference", "store")
Log = list[tuple[int, Any]]


@contextmanager
def live_day(endpoints: Endpoints, folder: Path) -> Iterator[Settings]:
    """Settings of a pipeline at rest, through which the day has gone."""
    name = isolation.unique_name()
    settings = isolation.isolated_settings(
        endpoints, folder / "home", isolation.create_database(endpoints, name), f"{name}.",
        topics={"prefix": f"{name}.", "partitions": PARTITIONS}, features={"snapshot_messages": 60},
    )  # fmt: skip
    initialise(settings)
    register(settings, folder / "a1", "first", {"logret_1": -0.4, "volume_z_20": -1e-4})
    register(settings, folder / "a2", "first", {"logret_1": 0.3, "volume_z_20": 2e-4})
    register(
        settings, folder / "c1", "slow", {"logret_1": 1.0}, deadline_ms=1e-6, fallback="default", default_score=1e-3
    )
    with services.running(settings, *SERVICES) as started:
        _Day(settings, started).all()
    yield settings
    isolation.drop_database(endpoints, name)


class _Day:
    def __init__(self, settings: Settings, started: dict[str, services.ServiceProcess]) -> None:
        self.settings, self.started, self.control = settings, started, Control(settings)
        self.bars: dict[int, Log] = {}
        for partition, batch in batches_of(_split(market(17, BARS, SYMBOLS, gaps=0.02)), PARTITIONS):
            assert isinstance(batch, BarBatch)
            self.bars.setdefault((batch.event_time - at(0)) // MINUTE, []).append((partition, batch))

    def all(self) -> None:
        write_log(self.settings, everywhere(Watermark(feed="f", event_time=0, state="open"), PARTITIONS))
        self.decide("activate", strategy="alpha", model="first", model_version=1)
        self.publish(0, SWAP)
        self.decide("activate", strategy="alpha", model="first", model_version=2)
        self.publish(SWAP, KILL)
        for name in ("features", "inference"):
            self.started[name].kill()
        self.publish(KILL, SPLIT)
        for name in ("features", "inference"):
            self.started[name] = services.ServiceProcess(self.settings, name).wait_ready()
        split = Adjustment(feed="f", source="v", symbol=HALVED, factor=2.0, effective_time=at(SPLIT - 1),
                           available_time=at(SPLIT - 1))  # fmt: skip
        write_log(self.settings, [(partition_of(HALVED, PARTITIONS), split)])
        self.publish(SPLIT, FALLBACK)
        self.decide("activate", strategy="alpha", model="slow", model_version=1)
        self.publish(FALLBACK, BACK)
        self.decide("rollback", strategy="alpha", model="first", model_version=2)
        self.publish(BACK, PAUSE)
        self.decide("pause", symbols=("S005",))
        self.publish(PAUSE, RESUME)
        self.decide("resume", symbols=("S005",))
        self.publish(RESUME, BARS)
        write_log(self.settings, everywhere(Watermark(feed="f", event_time=at(BARS), state="final"), PARTITIONS))
        self.drained()

    def decide(self, action: str, **fields: Any) -> None:
        decide(self.settings, self.control, [(action, fields)])

    def publish(self, first: int, end: int) -> None:
        log: Log = []
        for bar in range(first, end):
            for partition, batch in self.bars[bar]:
                late = LATE[0] if bar == LATE[1] else None
                kept = take(batch, [row for row, name in enumerate(batch.symbols) if name != late])
                log.append((partition, kept))
            if bar == LATE[1] + 2:
                log += [
                    alone(self.bars[LATE[1]], LATE[0], at(LATE[1] + 3)),
                    alone(self.bars[REVISED[1]], REVISED[0], at(REVISED[1] + 3), revision=1),
                ]
        write_log(self.settings, log)

    def drained(self) -> None:
        def through() -> bool:
            with connect(self.settings) as connection:
                return at_rest(self.settings, connection, but=("drift",))

        wait_for(through, 90, "the flow to drain", 0.1)


def _split(source: Market) -> Market:
    """Two new shares for one old, from bar ``SPLIT`` on."""
    column = source.symbols.index(HALVED)
    factor = np.ones_like(source.close)
    factor[SPLIT:, column] = 2.0
    prices = {name: getattr(source, name) / factor for name in ("open", "high", "low", "close")}
    return replace(source, **prices, volume=source.volume * factor)
