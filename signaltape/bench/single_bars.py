"""Single bars from ``bars-in`` to ``features``, through ingest and feature agent, beside a bare loop."""

import json
import time
from collections.abc import Callable
from typing import Any

import msgpack
from confluent_kafka import Producer

from infra.broker.admin import create_topics, low_high_offsets
from infra.settings import Settings
from producers.bar_table import BarTable
from producers.simulation.market import MarketConfig, simulate_burst
from schemas.partitioning import partitions_of
from schemas.topics import TopicNames
from signaltape.bench import bare_loop
from signaltape.demo.console import Console
from signaltape.demo.scene import Scene
from signaltape.supervision import Supervisor

_SYMBOLS, _SECONDS = 500, 400
_DEADLINE_S = 300.0


def run(active: Scene, console: Console) -> dict[str, Any]:
    """Return bars/s for MessagePack and JSON, for the bare loop, and the ratios."""
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
            figures[name] = round(_through(active, settings, len(table), console))
    figures["ratio_to_bare_loop"] = round(figures["messagepack"] / figures["bare_loop"], 3)
    return figures


def _isolated(settings: Settings, prefix: str) -> Settings:
    from signaltape.initialisation import initialise

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


def _through(active: Scene, settings: Settings, bars: int, console: Console) -> float:
    """Start both services over the waiting bars; time from the first feature message to the last one's arrival."""
    names = TopicNames(settings.topics.prefix)
    environment = {**active.environment, "SIGNALTAPE_TOPICS__PREFIX": settings.topics.prefix}
    with Supervisor(["features", "ingest"], active.folder / "logs", environment):
        begun, last, moved, until = 0.0, 0, 0.0, time.monotonic() + _DEADLINE_S
        while time.monotonic() < until:
            now = time.perf_counter()
            high = sum(end for _, end in low_high_offsets(settings, names.bars).values())
            done = sum(end for _, end in low_high_offsets(settings, names.features).values())
            begun = begun or (now if high else 0.0)
            if done != last:
                last, moved = done, now
                console.say(f"{done:,} feature messages")
            elif begun and moved and now - moved > 3.0:
                return bars / (moved - begun)
            time.sleep(0.02)
    raise TimeoutError(f"single bars did not get through in {_DEADLINE_S:g} s")
