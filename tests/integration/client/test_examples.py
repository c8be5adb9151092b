"""The four examples, run as their readers run them."""

import contextlib
import itertools
import re
import signal as signals
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.broker.admin import create_topics
from infra.broker.reading import read_topic
from infra.settings import Settings
from schemas.bars import BarBatch
from schemas.codec import decode
from schemas.topics import TopicNames
from tests.support.isolation import process_environment
from tests.support.services import running
from tests.support.signal_log import CLOSE, SECOND, TransactionWriter, alert, notice, signal, write
from tests.support.waiting import wait_for

EXAMPLES = Path(__file__).parents[3] / "examples"


def argv(name: str, *arguments: str) -> list[str]:
    return [sys.executable, str(EXAMPLES / f"{name}.py"), *arguments]


def run(settings: Settings, name: str, *arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        argv(name, *arguments),
        env=process_environment(settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def bars_of(settings: Settings) -> list[tuple[str, int]]:
    messages = [decode(record.value) for record in read_topic(settings, TopicNames(settings.topics.prefix).bars)]
    return sorted(
        (symbol, message.event_time)
        for message in messages
        if isinstance(message, BarBatch)
        for symbol in message.symbols
    )


def test_the_feed_handler_publishes_every_bar_once(topics: Settings) -> None:
    assert "published 12 bars" in run(topics, "feed_handler", "--symbols", "A,B,C", "--bars", "4")
    found = bars_of(topics)
    assert len(set(found)) == len(found) == 12
    assert {symbol for symbol, _ in found} == {"A", "B", "C"}


@contextlib.contextmanager
def started(settings: Settings, *command: str) -> Iterator["subprocess.Popen[str]"]:
    """Its pipe holds some lines only: it can't run far ahead of who reads them."""
    process = subprocess.Popen(
        command, env=process_environment(settings), stdout=subprocess.PIPE, text=True, pipesize=4_096
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_the_gateway_orders_once_for_each_signal_through_kill_9(
    topics: Settings, writer: TransactionWriter, tmp_path: Path
) -> None:
    total, ledger = 1_200, tmp_path / "orders.db"

    def batch(begin: int, end: int) -> dict[str, Any]:
        made = {n: signal(f"S{n % 50}", n // 4, CLOSE + n * SECOND) for n in range(begin, end)}
        with writer.transaction():
            for number, one in made.items():
                writer.put(number % 4, one)
        return {one.signal_id: one for one in made.values()}

    expected = batch(0, total // 2)
    command = argv("trading_gateway", "--start", "beginning", "--ledger", str(ledger), "--stop-when-idle")
    with started(topics, *command, "0") as process:
        assert process.stdout is not None
        printed = [process.stdout.readline() for _ in range(50)]
        process.send_signal(signals.SIGKILL)
        printed += process.stdout.readlines()
        assert process.wait(30) == -signals.SIGKILL
    with contextlib.closing(sqlite3.connect(ledger)) as orders:
        (before,) = orders.execute("SELECT count(*) FROM orders").fetchone()
    assert 50 <= before < total // 2, "it was to be killed in the middle"
    expected |= batch(total // 2, total)
    output = run(topics, "trading_gateway", "--ledger", str(ledger), "--stop-when-idle", "1")
    with contextlib.closing(sqlite3.connect(ledger)) as orders:
        rows = orders.execute("SELECT signal_id, symbol, side, event_time FROM orders").fetchall()
    assert sorted(rows) == sorted((i, one.symbol, one.signal, one.event_time) for i, one in expected.items())
    assert f"{total} orders" in output
    ids = [line.split()[-1] for line in [*printed, *output.splitlines()] if re.search(r" [0-9a-f]{32}$", line.rstrip())]
    assert len(set(ids)) == len(ids), "an order was sent twice"
    # After its own commit, and not before, it says so: only the order in flight at the kill may be missing here.
    assert total - 1 <= len(ids) <= total


def test_the_gateway_starts_from_the_current_state_and_stops_at_a_gap(
    topics: Settings, writer: TransactionWriter, tmp_path: Path
) -> None:
    ledger = str(tmp_path / "orders.db")
    write(writer, 0, [signal("A", 0), signal("A", 1, CLOSE + SECOND, signal="flat"), notice(2)])
    output = run(topics, "trading_gateway", "--ledger", ledger, "--stop-when-idle", "1")
    assert "flat A" in output
    assert "1 orders" in output
    write(writer, 0, [signal("B", 3), notice(4), signal("C", 7)])
    output = run(topics, "trading_gateway", "--ledger", ledger, code=1)
    assert "long B" in output
    assert "notice: paused" in output
    assert "partition 0: messages 5 … 6 are missing" in output
    with contextlib.closing(sqlite3.connect(ledger)) as orders:
        assert {row[0] for row in orders.execute("SELECT symbol FROM orders")} == {"A", "B"}


def test_the_alert_consumer_prints_each_alert_once(topics: Settings, writer: TransactionWriter) -> None:
    write(writer, 0, [alert(1, message="first"), alert(2, message="second"), alert(1, message="first")])
    lines = run(topics, "alert_consumer", "--stop-when-idle", "1").splitlines()
    assert len(lines) == 2
    assert "first" in lines[0]
    assert alert(2).suggested_action in lines[1]


def test_a_client_that_knows_nothing_of_ours_reaches_the_log(settings: Settings) -> None:
    create_topics(settings)
    bootstrap, topic = settings.kafka.bootstrap_servers, TopicNames(settings.topics.prefix).bars_in
    with running(settings, "ingest"):
        output = run(settings, "foreign_client", "--bootstrap", bootstrap, "--topic", topic, "--bars", "4")
        assert "4 bars delivered" in output
        wait_for(lambda: len(bars_of(settings)) >= 4, 30, "the bars in the log")
    found = bars_of(settings)
    assert [symbol for symbol, _ in found] == ["ACME"] * 4
    assert [b[1] - a[1] for a, b in itertools.pairwise(found)] == [SECOND] * 3


@pytest.mark.parametrize("name", ["feed_handler", "trading_gateway", "alert_consumer", "foreign_client"])
def test_each_says_how_it_is_run(name: str) -> None:
    text = (EXAMPLES / f"{name}.py").read_text()
    assert f"python examples/{name}.py" in text
