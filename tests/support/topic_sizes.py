"""Bytes on the broker's disk for each bar, vector, label, prediction and signal: docs/operations/topics.md.

    python -m tests.support.topic_sizes

A session of simulated one-minute bars goes through the real pipeline, once with 50 symbols and once with 500; then the
segment files of each topic are added up.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from infra.stack import Stack
from infra.warehouse import connect
from schemas.topics import TOPICS
from tests.support import isolation, providers, services, world
from tests.support.waiting import wait_for

_ROWS = {
    "bars": "SELECT count(*) FROM bars",
    "features": "SELECT count(*) FROM features",
    "returns": "SELECT coalesce(sum(cardinality(horizons)), 0) FROM returns",
    "predictions": "SELECT count(*) FROM predictions",
    "signals": "SELECT count(*) FROM signals",
}
BARS = 120


def measure(stack: Stack, symbols: int, folder: Path) -> None:
    """Print one line for each topic: rows, bytes, bytes a row."""
    name = isolation.unique_name()
    dsn = isolation.create_database(stack.endpoints, name)
    settings = isolation.isolated_settings(stack.endpoints, folder / name, dsn, f"{name}.")
    world.prepare(settings, folder / f"models-{name}")
    with services.running(settings, "ingest", "features", "inference", "store"):
        world.wait_relayed(settings, 1)
        world.publish(settings, world.small_market(symbols=symbols, bars=BARS))
        wait_for(
            lambda: all(stage == "drift" for stage, _ in world.lag_before(settings)), 200, "the flow to drain", 0.2
        )
    logs = stack.config.data / "kafka" / "data"
    print(f"{symbols} symbols, {BARS} one-minute bars each, {settings.topics.partitions} partitions")
    with connect(settings) as connection:
        for topic in TOPICS:
            size = sum(file.stat().st_size for file in logs.glob(f"{name}.{topic.name}.v1-*/*.log"))
            row = connection.execute(_ROWS[topic.name]).fetchone() if topic.name in _ROWS else None
            count = int(row[0]) if row is not None else 0
            print(
                f"  {topic.name:<12} {count:>9,} rows {size:>12,} bytes"
                + (f" {size / count:8.1f} a row" if count else "")
            )


if __name__ == "__main__":
    with TemporaryDirectory() as scratch, providers.session_stack() as started:
        assert isinstance(started, Stack)
        for number in (50, 500):
            measure(started, number, Path(scratch))
