"""Marks in the warehouse: stored with their bars, counted by `signaltape quality report`."""

import json
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from infra.settings import Settings
from infra.warehouse import Connection, connect, migrate
from infra.warehouse.bar_quality import quality_report
from infra.warehouse.checkpoints import ensure_rows, take_epoch
from infra.warehouse.feature_rounds import FeatureRoundWriter, PartitionRound
from pipeline.engine_types import StoredRows
from schemas.intervals import MINUTE
from tests.support.rounds import START, TOPIC, bar_batch

#: Bar by bar, the marks of the symbols A and B.
MARKS = [(0, 0), (1, 0), (3, 0), (0, 8), (2, 12)]


@pytest.fixture
def stored(settings: Settings) -> Iterator[Connection]:
    migrate(settings)
    bars = [
        (
            bar_batch(START + at * MINUTE, ("A", "B")),
            at,
            StoredRows(rows=np.arange(2), status=np.zeros(2, np.uint8), marks=np.array(marks, dtype=np.uint8)),
        )
        for at, marks in enumerate(MARKS)
    ]
    writer = FeatureRoundWriter(settings, TOPIC)
    with connect(settings) as connection:
        ensure_rows(connection, "features", TOPIC, "topic-id", range(1))
        epoch = take_epoch(connection, "features", TOPIC, 0).epoch
        writer.write([PartitionRound(partition=0, epoch=epoch, generation=1, next_offset=len(bars), bars=bars)])
        yield connection
    writer.close()


def test_counts_and_newest_examples_by_symbol_and_kind(stored: Connection) -> None:
    first, second = quality_report(stored, examples=1)
    assert (first.symbol, first.interval, first.bars, first.secondary, first.marked) == ("A", "1m", 5, 0, 3)
    assert first.marks == {"gap": 2, "spike": 2, "stale": 0, "zero_volume": 0}
    assert second.marks == {"gap": 0, "spike": 0, "stale": 1, "zero_volume": 2}
    newest = [(one.kind, (one.event_time.timestamp() * 1e9 - START) / MINUTE) for one in first.examples]
    assert newest == [("gap", 2.0), ("spike", 4.0)]


def test_a_span_of_time_begins_after_its_first_moment_and_holds_its_last(stored: Connection) -> None:
    (line,) = quality_report(stored, symbol="A", after=START + MINUTE, until=START + 2 * MINUTE)
    assert (line.bars, line.marks["gap"], line.marks["spike"]) == (1, 1, 1)


def call(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"SIGNALTAPE_POSTGRES__DSN": settings.postgres.dsn, "SIGNALTAPE_HOME": str(settings.home)}
    return subprocess.run(
        [sys.executable, "-m", "signaltape", "quality", "report", *arguments],
        capture_output=True, text=True, check=False, timeout=60, env=environment,
    )  # fmt: skip


def test_the_command(stored: Connection, settings: Settings) -> None:
    answer = call(settings, "--json", "--symbol", "B")
    assert answer.returncode == 0, answer.stderr
    (line,) = json.loads(answer.stdout)
    assert line["marks"] == {"gap": 0, "spike": 0, "stale": 1, "zero_volume": 2}
    assert [one["kind"] for one in line["examples"]] == ["stale", "zero_volume", "zero_volume"]
    text = call(settings).stdout.splitlines()
    assert text[0].split() == [
        "symbol",
        "interval",
        "bars",
        "secondary",
        "marked",
        "gap",
        "spike",
        "stale",
        "zero_volume",
    ]
    assert text[-1].split() == ["all", "10", "0", "5", "2", "2", "1", "2"]


def test_bad_input(stored: Connection, settings: Settings) -> None:
    naive = call(settings, "--from", "2024-01-02T10:00:00")
    assert (naive.returncode, "has no zone" in naive.stderr) == (2, True)
    turned = call(settings, "--from", "2024-01-03T00:00:00Z", "--to", "2024-01-02T00:00:00Z")
    assert (turned.returncode, "is not before" in turned.stderr) == (2, True)
    unknown = call(settings, "--symbol", "NONE")
    assert (unknown.returncode, "'NONE'" in unknown.stderr) == (1, True)
