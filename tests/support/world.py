"""A whole pipeline of a test's own on the shared servers: models that never miss their deadline, seeded bars."""

from pathlib import Path

from infra.broker.admin import low_high_offsets
from infra.broker.bar_feed import BarFeed, FeedCounts
from infra.broker.publisher import Publisher
from infra.scoring.registry import ModelRegistry
from infra.settings import Settings
from infra.warehouse import connect
from pipeline.routing.decision import Thresholds
from producers.bar_table import BarTable
from producers.cross_sections import cross_sections
from producers.feed import publish_sections
from producers.simulation.market import MarketConfig, simulate
from schemas.control import ControlEvent
from schemas.topics import TopicNames
from signaltape.client import Control
from signaltape.draining import waiting
from signaltape.initialisation import initialise
from tests.support.linear_models import write_linear_model
from tests.support.waiting import wait_for

FEED = "world"
#: Far beyond what a loaded machine takes, so that no fallback makes a comparison random.
DEADLINE_MS = 60_000.0


def small_market(symbols: int = 24, bars: int = 200, seed: int = 3) -> BarTable:
    """One-minute bars of one simulated session, the first ``bars`` closes of it."""
    table = simulate(MarketConfig(symbols=symbols, seed=seed, missing=0.01))
    last = sorted(set(table.event_time.tolist()))[bars - 1]
    return table.between(end=last)


def prepare(settings: Settings, folder: Path, strategies: tuple[str, ...] = ("alpha",)) -> list[ControlEvent]:
    """Topics, tables, one linear model per strategy, and the events that activate them in ``control``."""
    initialise(settings)
    registry, control = ModelRegistry(settings), Control(settings)
    events = []
    for place, strategy in enumerate(strategies):
        staged = folder / f"model-{strategy}"
        staged.mkdir(parents=True)
        manifest = write_linear_model(
            staged,
            name=f"linear-{strategy}",
            version=0,
            feature_set="core",
            weights={"logret_1": -0.3, "volume_z_20": -0.0003 * (place + 1)},
            intervals=("1s", "1m", "1d"),
            thresholds=Thresholds(long=1e-4, short=-1e-4),
            deadline_ms=DEADLINE_MS,
        )
        version = registry.register(staged, manifest, [])
        events.append(
            control.issue("activate", strategy=strategy, model=manifest.name, model_version=version, reason="test")
        )
    return events


def wait_relayed(settings: Settings, events: int, deadline_s: float = 60.0) -> None:
    """Wait until the ingest has relayed as many control events into every partition of the log."""
    topic = TopicNames(settings.topics.prefix).bars

    def relayed() -> bool:
        return all(high >= events for _, high in low_high_offsets(settings, topic).values())

    wait_for(relayed, deadline_s, "control events in every partition")


def publish(settings: Settings, table: BarTable, feed: str = FEED) -> FeedCounts:
    """Publish a table as one feed, from its opening to its end."""
    partitions = settings.topics.partitions
    bar_feed = BarFeed(Publisher(settings, f"feed-{feed}"), TopicNames(settings.topics.prefix).bars, partitions, feed)
    sections = cross_sections(table, partitions=partitions, feed=feed, source=feed)
    return publish_sections(bar_feed, sections, wait_for=lambda _, idle: None, progress=lambda _: None)


def wait_drained(settings: Settings, deadline_s: float = 120.0) -> None:
    """Wait until nothing waits before any stage."""
    with connect(settings, name="test-drain") as connection:
        wait_for(lambda: not list(waiting(settings, connection)), deadline_s, "the flow to drain", interval_s=0.1)


def lag_before(settings: Settings) -> list[tuple[str, int]]:
    """(stage, waiting messages) of the first stage that isn't through."""
    with connect(settings, name="test-lag") as connection:
        return list(waiting(settings, connection))
