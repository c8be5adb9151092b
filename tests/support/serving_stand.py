"""A running pipeline whose bars are published one close at a time, for tests of what changes while it serves."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from infra.broker.bar_feed import BarFeed
from infra.broker.publisher import Publisher
from infra.broker.reading import read_topic
from infra.broker.stability import wait_stable
from infra.scoring.registry import ModelRegistry
from infra.settings import Settings
from infra.stack import Endpoints
from pipeline.deployments import ModelRef
from pipeline.routing.decision import Thresholds
from schemas.bars import BarBatch
from schemas.codec import decode, decode_any
from schemas.intervals import SECOND
from schemas.partitioning import partition_of
from schemas.predictions import PredictionBatch
from schemas.signals import Heartbeat, Notice, Signal
from schemas.topics import TopicNames
from signaltape.initialisation import initialise
from tests.support import isolation
from tests.support.linear_models import write_linear_model
from tests.support.services import ServiceProcess
from tests.support.waiting import wait_for

#: A Thursday, 14:30 UTC, in ns.
T0 = 1_700_145_000 * SECOND
FEED = "stand"
#: More than the longest window of the set `minimal`.
WARM_BARS = 25
#: No fallback by a loaded machine; small rounds, quick retries.
INFERENCE: dict[str, Any] = {"deadline_ms": 60_000.0, "retry_s": 0.3}


@dataclass(frozen=True, slots=True)
class Predicted:
    """One recorded model call: where, which bar, which version, for how many symbols."""

    partition: int
    event_time: int
    version: int
    symbols: tuple[str, ...]


class ServingStand:
    """Bars of ``per_partition`` symbols on every partition, at whole seconds after T0; services by (name, instance)."""

    def __init__(self, settings: Settings, folder: Path, per_partition: int = 2) -> None:
        initialise(settings)
        self.settings = settings
        self.names = TopicNames(settings.topics.prefix)
        self.symbols = _symbols(settings.topics.partitions, per_partition)
        self.services: dict[tuple[str, int], ServiceProcess] = {}
        self.at = 0
        self._folder = folder
        self._random = np.random.default_rng(5)
        partitions = settings.topics.partitions
        self._feed = BarFeed(Publisher(settings, f"feed-{FEED}"), self.names.bars, partitions, FEED)

    def start(self, *services: tuple[str, int]) -> None:
        """Start services, and wait until they are ready."""
        for service in services:
            self.services[service] = ServiceProcess(self.settings, *service)
        for service in services:
            self.services[service].wait_ready()

    def end(self) -> None:
        for process in self.services.values():
            if process.poll() is None:
                process.kill()

    def register(self, number: int, **manifest: Any) -> ModelRef:
        """Register a version of the model ``linear`` whose scores tell it from the others."""
        folder = self._folder / f"model-{number}"
        values: dict[str, Any] = {
            "name": "linear",
            "version": 0,
            "intervals": ("1s",),
            "weights": {"logret_1": -0.1 * number, "volume_z_20": -0.0001},
            "thresholds": Thresholds(long=1e-6, short=-1e-6),
        }
        made = write_linear_model(folder, **values | manifest)
        return ModelRef(name=made.name, version=ModelRegistry(self.settings).register(folder, made))

    def open(self) -> None:
        """Announce the feed and publish the bars that warm every symbol up."""
        self._feed.open(T0)
        for _ in range(WARM_BARS):
            self.bar()

    def bar(self) -> int:
        """Publish the next cross-section; its close in ns."""
        self.at += 1
        close = T0 + self.at * SECOND
        self._feed.publish((number, self._batch(number, close)) for number in self.symbols)
        self._feed.flush()
        return close

    def predicted(self) -> list[Predicted]:
        """Every committed live prediction, in order within a partition."""
        found = []
        for record in read_topic(self.settings, self.names.predictions):
            message = decode(record.value or b"")
            if isinstance(message, PredictionBatch) and message.role == "live":
                found.append(
                    Predicted(record.partition, message.event_time, message.model_version, tuple(message.symbols))
                )
        return found

    def predicted_everywhere(self, close: int, deadline_s: float = 30.0) -> dict[int, int]:
        """Wait until the bar at ``close`` is predicted on every partition; partition → version."""

        def found() -> dict[int, int] | None:
            versions = {one.partition: one.version for one in self.predicted() if one.event_time == close}
            return versions if len(versions) == len(self.symbols) else None

        result = wait_for(found, deadline_s, f"predictions of {close}")
        assert result is not None
        return result

    def told(self) -> list[tuple[int, Signal | Heartbeat | Notice]]:
        """Every committed message of ``signals``, those too whose predictions could be read a moment before."""
        wait_stable(self.settings, self.names.signals, self.symbols)
        found = []
        for record in read_topic(self.settings, self.names.signals):
            message = decode_any(record.value or b"", "")
            assert isinstance(message, Signal | Heartbeat | Notice)
            found.append((record.partition, message))
        return found

    def controls(self) -> int:
        """Number of events in ``control``."""
        return sum(1 for _ in read_topic(self.settings, self.names.control))

    def _batch(self, partition: int, close: int) -> BarBatch:
        symbols = self.symbols[partition]
        price = 100.0 + self._random.normal(0.0, 1.0, len(symbols))
        return BarBatch(
            feed=FEED, source=FEED, interval="1s", event_time=close, available_time=close, revision=0,
            symbols=symbols, open=price, high=price, low=price, close=price,
            volume=self._random.uniform(1e3, 1e4, len(symbols)),
            volume_valid=np.ones(len(symbols), dtype=np.bool_),
        )  # fmt: skip


def _symbols(partitions: int, per_partition: int) -> dict[int, tuple[str, ...]]:
    found: dict[int, list[str]] = {number: [] for number in range(partitions)}
    number = 0
    while any(len(names) < per_partition for names in found.values()):
        name = f"S{number:03}"
        names = found[partition_of(name, partitions)]
        if len(names) < per_partition:
            names.append(name)
        number += 1
    return {partition: tuple(names) for partition, names in found.items()}


@contextmanager
def serving_stand(
    endpoints: Endpoints, folder: Path, services: Sequence[tuple[str, int]], **groups: Any
) -> Iterator[ServingStand]:
    """A stand with a database and a prefix of its own; ``services`` run until the block ends."""
    name = isolation.unique_name()
    dsn = isolation.create_database(endpoints, name)
    defaults: dict[str, Any] = {"engine": {"feature_sets": ("minimal",)}, "inference": INFERENCE}
    settings = isolation.isolated_settings(endpoints, folder / "home", dsn, f"{name}.", **defaults | groups)
    stand = ServingStand(settings, folder)
    try:
        stand.start(*services)
        yield stand
    finally:
        stand.end()
        isolation.drop_database(endpoints, name)
