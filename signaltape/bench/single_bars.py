"""Single bars from ``bars-in`` to ``features``, through ingest and feature agent, beside a bare loop."""

import json
import time
from collections.abc import Callable
from typing import Any

import msgpack
from confluent_kafka import Producer

from infra.broker.admin import all_offsets, create_topics, group_offsets
from infra.settings import Settings
from infra.warehouse import connect
from infra.warehouse.checkpoints import read_checkpoints
from producers.bar_table import BarTable
from producers.simulation.market import MarketConfig, simulate_burst
from schemas.partitioning import partitions_of
from schemas.topics import TopicNames
from signaltape.bench import bare_loop
from signaltape.demo.console import Console
from signaltape.demo.scene import Scene
from signaltape.initialisation import group_of, initialise
from signaltape.supervision import Supervisor

_SYMBOLS, _SECONDS = 500, 400
_DEADLINE_S = 300.0
#: Looking costs the servers something as well.
_LOOK_EVERY_S = 0.1


def run(active: Scene, console: Console) -> dict[str, Any]:
    """Return bars/s for MessagePack and JSON (into `features`, and until stored), for the bare loop, and the ratio."""
    table = simulate_burst(MarketConfig(symbols=_SYMBOLS, missing=0.0), seconds=_SECONDS)
    figures: dict[str, Any] = {"bars": len(table), "symbols": _SYMBOLS}
    encoders: dict[str, Callable[[Any], bytes]] = {
        "messagepack": msgpack.packb,
        "json": lambda bar: json.dumps(bar).encode(),
    }
    for name, encode in encoders.items():
        settings = _isolated(active.settings, f"bench-{name}.")
        with console.step(f"{len(table):,} single bars as {name} into bars-in"):
            create_topics(settings)
            _produce(settings, table, encode)
        if name == "messagepack":
            with console.step("bare confluent-kafka loop over the same bars"):
                figures["bare_loop"] = round(bare_loop.run(settings, len(table), _scratch(settings)))
        with console.step(f"ingest and feature agent over the {name} bars"):
            published, stored = _through(active, settings, len(table), console)
        figures |= {name: round(published), f"{name}_stored": round(stored)}
    figures["ratio_to_bare_loop"] = round(figures["messagepack"] / figures["bare_loop"], 3)
    return figures


def _isolated(settings: Settings, prefix: str) -> Settings:
    topics = settings.topics.model_copy(update={"prefix": prefix})
    isolated = settings.model_copy(update={"topics": topics})
    initialise(isolated)
    return isolated


def _scratch(settings: Settings) -> str:
    """A topic that nobody reads: the bare loop writes where the services don't."""
    return TopicNames(settings.topics.prefix).predictions


def _produce(settings: Settings, table: BarTable, encode: Callable[[Any], bytes]) -> None:
    producer = Producer(
        {
            "bootstrap.servers": settings.kafka.bootstrap_servers,
            "linger.ms": 20,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    topic = TopicNames(settings.topics.prefix).bars_in
    symbols = table.symbol.tolist()
    partitions = partitions_of(symbols, settings.topics.partitions).tolist()
    columns = zip(
        symbols, partitions, table.event_time.tolist(), table.open.tolist(), table.high.tolist(), table.low.tolist(),
        table.close.tolist(), table.volume.tolist(), strict=True,
    )  # fmt: skip
    for symbol, partition, event_time, opening, high, low, close, volume in columns:
        bar = {
            "symbol": symbol, "interval": table.interval, "event_time": event_time,
            "open": opening, "high": high, "low": low, "close": close, "volume": volume,
        }  # fmt: skip
        producer.produce(topic, encode(bar), symbol, partition)
        producer.poll(0)
    producer.flush(120)


def _through(active: Scene, settings: Settings, bars: int, console: Console) -> tuple[float, float]:
    """Let the bars that wait through both services; return bars/s into ``features``, and until all is stored.

    The clock starts with the first message of the ingest, when the feature agent already has its partitions; it stops
    when ``features`` has the last message, and when the checkpoints are past it.
    """
    environment = {**active.environment, "SIGNALTAPE_TOPICS__PREFIX": settings.topics.prefix}
    names, until = TopicNames(settings.topics.prefix), time.monotonic() + _DEADLINE_S
    begun, published, moved = 0.0, 0, 0.0
    with (
        connect(settings, name="signaltape-bench") as connection,
        Supervisor(["features"], active.folder / "logs", environment),
    ):
        while not all(one.epoch for one in read_checkpoints(connection, "features", names.bars).values()):
            time.sleep(0.05)
        with Supervisor(["ingest"], active.folder / "logs", environment):
            while time.monotonic() < until:
                time.sleep(_LOOK_EVERY_S)
                now = time.perf_counter()
                offsets = all_offsets(settings, [names.bars, names.features])
                log, out = (sum(end for _, end in offsets[name].values()) for name in (names.bars, names.features))
                begun = begun or (now if log else 0.0)
                if out != published:
                    published, moved = out, now
                    console.say(f"{out:,} feature messages")
                if out < log or not log or _ingested(settings, names.bars_in) < bars:
                    continue
                known = read_checkpoints(connection, "features", names.bars).values()
                if sum(one.effect_offset for one in known) >= log:
                    return bars / (moved - begun), bars / (time.perf_counter() - begun)
    raise TimeoutError(f"single bars did not get through in {_DEADLINE_S:g} s")


def _ingested(settings: Settings, topic: str) -> int:
    """How many records the ingest is past."""
    known = group_offsets(settings, group_of(settings, "ingest"), topic, settings.topics.partitions)
    return sum(place[0] for place in known.values() if place is not None)
