"""One run of the whole pipeline that has a bar for every reason why a signal was sent or was not."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from infra.broker.admin import low_high_offsets
from infra.broker.publisher import Publisher
from infra.broker.reading import read_topic
from infra.broker.stability import wait_stable
from infra.scoring.registry import ModelRegistry
from infra.settings import Settings
from infra.stack import Endpoints
from infra.warehouse import Connection, connect
from pipeline.routing.decision import Thresholds
from schemas.bars import BarBatch, Watermark
from schemas.codec import decode
from schemas.control import ControlEvent
from schemas.intervals import MINUTE
from schemas.topics import TopicNames
from signaltape.client import Control
from signaltape.draining import waiting
from signaltape.initialisation import initialise
from tests.support import isolation, services, world
from tests.support.engine_log import market
from tests.support.feature_runs import DAY_START, batches_of, everywhere, take, write_log
from tests.support.linear_models import write_linear_model
from tests.support.waiting import wait_for

PARTITIONS = 2
SERVICES = ("ingest", "features", "inference", "store")
SYMBOLS = tuple(f"S{place:03}" for place in range(8))
#: Bars up to which each stage goes; a decision lies between two stages.
FIRST, PAUSED, SWAPPED, CHANGED = 44, 50, 62, 72
#: What is wrong with single bars of the third stage: (symbol, bar).
LATE, REVISED, REJECTED = ("S003", 53), ("S004", 51), ("S005", 52)
NEVER = ("S006", 57)
#: A bar that a foreign client sent to `bars-in`, with a high below its low.
FOREIGN = ("X001", 58)
Log = list[tuple[int, Any]]


def at(bar: int) -> int:
    """Close of a bar, ns UTC."""
    return DAY_START + (bar + 1) * MINUTE


def register(settings: Settings, folder: Path, name: str, weights: dict[str, float], **manifest: object) -> int:
    """Register a linear model on ``core`` at one minute; its version."""
    folder.mkdir(parents=True)
    made = write_linear_model(
        folder,
        name=name,
        version=0,
        feature_set="core",
        weights=weights,
        intervals=("1m",),
        thresholds=Thresholds(long=2e-4, short=-2e-4),
        **{"deadline_ms": world.DEADLINE_MS, **manifest},
    )
    return ModelRegistry(settings).register(folder, made, [])


def register_models(settings: Settings, folder: Path) -> None:
    """Register the models that a run activates."""
    register(settings, folder / "a1", "first", {"logret_1": -0.4, "volume_z_20": -1e-4})
    register(settings, folder / "a2", "first", {"logret_1": 0.3, "volume_z_20": 2e-4})
    register(settings, folder / "b1", "second", {"logret_5": -0.3})
    register(settings, folder / "c1", "slow", {"logret_1": 1.0}, deadline_ms=1e-6, fallback="skip")


@contextmanager
def explained_run(endpoints: Endpoints, folder: Path) -> Iterator[Settings]:
    """Settings of a pipeline at rest, through which the run has gone."""
    name = isolation.unique_name()
    dsn = isolation.create_database(endpoints, name)
    settings = isolation.isolated_settings(
        endpoints, folder / "home", dsn, f"{name}.",
        topics={"prefix": f"{name}.", "partitions": PARTITIONS},
        router={"dedup_window_s": 150.0},
        # Small rounds, so that a state is kept behind the first forty bars however late the agent takes them.
        features={"snapshot_messages": 40, "round_messages": 4},
    )  # fmt: skip
    initialise(settings)
    register_models(settings, folder)
    with services.running(settings, *SERVICES):
        run = Run(settings)
        run.stages()
        run.final(CHANGED)
        run.drained()
    # A transaction that the end of the services cut gets its marker by now, not under the eyes of who compares.
    names = TopicNames(settings.topics.prefix)
    for topic in (names.predictions, names.signals):
        wait_stable(settings, topic, range(PARTITIONS))
    yield settings
    isolation.drop_database(endpoints, name)


def decide(settings: Settings, control: Control, events: Sequence[tuple[str, dict[str, Any]]]) -> None:
    """Issue control events behind all bars so far, and wait until they lie in every partition."""
    topic = TopicNames(settings.topics.prefix).bars
    before = {partition: high for partition, (_, high) in low_high_offsets(settings, topic).items()}
    for action, fields in events:
        control.issue(action, **fields)

    def relayed() -> bool:
        # Repairs may send states into the log at the same time: those are no decisions.
        behind = read_topic(settings, topic, from_offsets=before)
        found = Counter(one.partition for one in behind if isinstance(decode(one.value or b""), ControlEvent))
        return all(found[partition] >= len(events) for partition in before)

    wait_for(relayed, 30, "the events to be relayed", 0.05)


def at_rest(settings: Settings, connection: Connection, *, but: tuple[str, ...] = ()) -> bool:
    """True once nothing waits, except before the stages ``but``, and no repair is open.

    What waits is asked for twice: a late bar on its way will open a repair, and a repair sends a state on its way.
    """

    def through() -> bool:
        return all(stage in but for stage, _ in waiting(settings, connection))

    if not through():
        return False
    open_ = connection.execute("SELECT count(*) FROM repair_requests WHERE status = 'open'").fetchone()
    return open_ == (0,) and through()


def alone(bars: Log, symbol: str, known: int, revision: int = 0) -> tuple[int, BarBatch]:
    """One symbol's bar, of those of one close, in a message of its own; a revision has another close.

    ``known``: when it could be known, ns UTC.
    """
    for partition, batch in bars:
        if symbol in batch.symbols:
            one = take(batch, [batch.symbols.index(symbol)])
            price = np.minimum(one.high, one.close * 1.0003) if revision else one.close
            return partition, replace(one, revision=revision, close=price, available_time=known)
    raise AssertionError(symbol)


class Run:
    """The run's bars and decisions; ``more`` bars after its last stage, and ``others``: symbols beside its own."""

    def __init__(self, settings: Settings, more: int = 0, others: Sequence[str] = ()) -> None:
        self.settings, self.control = settings, Control(settings)
        source = market(11, CHANGED + more, len(SYMBOLS) + len(others))
        source = replace(source, symbols=(*SYMBOLS, *others))
        self.bars: dict[int, Log] = {}
        for partition, batch in batches_of(source, PARTITIONS):
            assert isinstance(batch, BarBatch)
            self.bars.setdefault((batch.event_time - DAY_START) // MINUTE - 1, []).append((partition, batch))

    def stages(self) -> None:
        """Everything up to the bar ``CHANGED``, with the feed still open; all but the last bars are stored."""
        write_log(self.settings, everywhere(Watermark(feed="f", event_time=0, state="open"), PARTITIONS))
        self.decide([
            ("activate", {"strategy": "alpha", "model": "first", "model_version": 1, "reason": "first model"}),
            ("activate", {"strategy": "beta", "model": "second", "model_version": 1}),
        ])  # fmt: skip
        self.five_minutes()
        self.publish(range(FIRST))
        self.decide([("pause", {"symbols": ("S001",), "reason": "look at it"})])
        self.publish(range(FIRST, PAUSED))
        self.decide([
            ("resume", {"symbols": ("S001",)}),
            ("activate", {"strategy": "alpha", "model": "first", "model_version": 2, "reason": "better"}),
            ("parameters", {"parameters": {"blocked_symbols": ["S002"]}, "reason": "halted"}),
        ])  # fmt: skip
        self.third_stage()
        self.drained()
        wait_for(lambda: not self.rows("SELECT 1 FROM repair_requests WHERE status = 'open'"), 30, "repairs", 0.1)
        self.decide([
            ("parameters", {"parameters": {"emit": "on_change"}}),
            ("parameters", {"strategy": "beta", "parameters": {"min_confidence": 0.999}}),
            ("activate", {"strategy": "gamma", "model": "slow", "model_version": 1}),
        ])  # fmt: skip
        self.publish(range(SWAPPED, CHANGED))

    def final(self, bars: int) -> None:
        """Close the feed behind so many bars."""
        write_log(self.settings, everywhere(Watermark(feed="f", event_time=at(bars), state="final"), PARTITIONS))

    def drained(self) -> None:
        """Wait until the store has everything; no drift agent runs here."""

        def through() -> bool:
            with connect(self.settings) as connection:
                return all(stage == "drift" for stage, _ in waiting(self.settings, connection))

        wait_for(through, 60, "the flow to drain", 0.1)

    def rows(self, query: str) -> list[Any]:
        with connect(self.settings) as connection:
            return connection.execute(query.encode()).fetchall()

    def decide(self, events: Sequence[tuple[str, dict[str, Any]]]) -> None:
        decide(self.settings, self.control, events)

    def publish(self, bars: range) -> None:
        write_log(self.settings, [one for bar in bars for one in self.bars[bar]])

    def five_minutes(self) -> None:
        """Bars of an interval that no model predicts from, of the hours before: they are not ahead of the others."""
        (owner,) = [(p, batch) for p, batch in self.bars[0] if "S000" in batch.symbols]
        one = take(owner[1], [owner[1].symbols.index("S000")])
        times = [DAY_START - 5 * MINUTE * place for place in reversed(range(40))]
        write_log(
            self.settings,
            [(owner[0], replace(one, interval="5m", event_time=time, available_time=time)) for time in times],
        )

    def third_stage(self) -> None:
        """Bars with one that comes late, one that is revised, one that is rejected, one that never comes."""
        log: Log = []
        for bar in range(PAUSED, SWAPPED):
            for partition, batch in self.bars[bar]:
                left_out = [name for name, when in (LATE, NEVER) if when == bar]
                kept = take(batch, [row for row, name in enumerate(batch.symbols) if name not in left_out])
                if (REJECTED[0] in kept.symbols) and bar == REJECTED[1]:
                    row, high = kept.symbols.index(REJECTED[0]), kept.high.copy()
                    high[row] = kept.low[row] / 2
                    kept = replace(kept, high=high)
                log.append((partition, kept))
            if bar == LATE[1] + 2:
                log += [
                    alone(self.bars[LATE[1]], LATE[0], at(LATE[1] + 3)),
                    alone(self.bars[REVISED[1]], REVISED[0], at(REVISED[1] + 3), revision=1),
                ]
        # In one piece: no repair comes between them, so bars await it.
        write_log(self.settings, log, linger_ms=10_000)
        raw = {"symbol": FOREIGN[0], "interval": "1m", "event_time": at(FOREIGN[1]), "open": 1, "high": 1, "low": 2,
               "close": 1}  # fmt: skip
        publisher = Publisher(self.settings, "foreign client")
        publisher.send(TopicNames(self.settings.topics.prefix).bars_in, 0, json.dumps(raw).encode())
        publisher.flush_acknowledged()
