"""Everything bad that can stand in `bars`: it ends in the dead letters with its address, and nothing else is lost."""

from dataclasses import replace

import msgpack
import numpy as np
import psycopg
import pytest

from infra.broker.reading import read_topic
from infra.settings import Settings
from schemas.bars import Adjustment, BarBatch, StateRepair, Watermark
from schemas.codec import encode
from schemas.intervals import MINUTE
from schemas.topics import TopicNames
from signaltape.initialisation import initialise
from tests.support.engine_log import market
from tests.support.feature_runs import DAY_START, assert_as_expected, wait_done, write_log
from tests.support.services import running

OPEN = Watermark(feed="f", event_time=0, state="open")
SYMBOLS = 4


def bars(at: int, rows: tuple[int, ...] = (0, 1, 2, 3), **changes: object) -> BarBatch:
    """The market's bars of minute `at`, some rows of them, with fields changed."""
    batch = market(5, 200, SYMBOLS).batch(at, rows)
    time = DAY_START + (at + 1) * MINUTE
    return replace(batch, event_time=time, available_time=time, **changes)


def cell(at: int, column: str, row: int, value: float, **more: float) -> bytes:
    """Bars of minute `at` with single cells of one row set to what the encoder would refuse."""
    body = msgpack.unpackb(encode(bars(at)))
    for name, number in {column: value, **more}.items():
        values = np.frombuffer(body[name]).copy()
        values[row] = number
        body[name] = values.tobytes()
    return msgpack.packb(body)


def wire(at: int, **changes: object) -> bytes:
    """Bars of minute `at` with wire fields replaced; None removes one."""
    body = msgpack.unpackb(encode(bars(at))) | changes
    return msgpack.packb({name: value for name, value in body.items() if value is not None})


def split_wire(factor: float) -> bytes:
    """A split of S000 whose factor nobody can mean."""
    split = Adjustment(
        feed="f", source="v", symbol="S000", factor=2.0, effective_time=DAY_START, available_time=DAY_START
    )
    return msgpack.packb(msgpack.unpackb(encode(split)) | {"factor": factor})


REPAIR = StateRepair(symbol="S000", interval="1m", as_of_offset=1, last_event_time=1, available_time=1, state=b"")
#: What stands in the log → (code, faulty rows) of its dead letter. Each comes at a minute of its own, from 1 on.
LETTERS = {
    "undecodable": (lambda at: b"\xc1\xff", ("undecodable", "")),
    "no value": (lambda at: None, ("undecodable", "")),
    "other version": (lambda at: wire(at, v=2), ("unknown_version", "")),
    "other type": (lambda at: wire(at, type="Quote"), ("unknown_type", "")),
    "missing field": (lambda at: wire(at, high=None), ("missing_field", "")),
    "wrong type": (lambda at: wire(at, event_time="noon"), ("wrong_type", "")),
    "lengths differ": (lambda at: wire(at, low=b"\0" * 16), ("length_mismatch", "")),
    "unknown interval": (lambda at: wire(at, interval="7m"), ("unknown_interval", "")),
    "off the grid": (lambda at: wire(at, event_time=DAY_START + MINUTE + 1_000), ("off_grid", "")),
    "too fine a time": (lambda at: wire(at, event_time=DAY_START + MINUTE + 1), ("off_grid", "")),
    "NaN price": (lambda at: cell(at, "open", 1, np.nan), ("not_finite", "1")),
    "infinite price": (lambda at: cell(at, "high", 2, np.inf), ("not_finite", "2")),
    "zero price": (lambda at: cell(at, "low", 0, 0.0), ("non_positive_price", "0")),
    "negative price": (lambda at: cell(at, "close", 3, -1.0), ("non_positive_price", "3")),
    "high below low": (lambda at: cell(at, "high", 1, 1.0, low=2.0), ("high_below_low", "1")),
    "close outside": (lambda at: cell(at, "close", 2, 1e6), ("close_outside_range", "2")),
    "negative volume": (lambda at: cell(at, "volume", 0, -1.0), ("negative_volume", "0")),
    "feed not open": (lambda at: bars(at, feed="ghost"), ("feed_not_open", "0,1,2,3")),
    "split by zero": (lambda at: split_wire(0.0), ("wrong_type", "")),
    "split by less": (lambda at: split_wire(-2.0), ("wrong_type", "")),
    "split by NaN": (lambda at: split_wire(float("nan")), ("wrong_type", "")),
    "split by infinity": (lambda at: split_wire(float("inf")), ("wrong_type", "")),
    "state repair": (lambda at: REPAIR, ("state_malformed", "")),
}


@pytest.fixture
def one_partition(make_settings) -> Settings:
    settings: Settings = make_settings(
        topics={"prefix": make_settings().topics.prefix, "partitions": 1}, features={"round_messages": 10}
    )
    initialise(settings)
    return settings


def run_agent(settings: Settings) -> None:
    with running(settings, "features") as started:
        wait_done(settings)
        assert started["features"].stop() == 0


def test_each_fault_is_dead_lettered_with_its_address_and_nothing_else_is_lost(one_partition: Settings) -> None:
    log: list[tuple[int, object]] = [(0, OPEN)]
    expected = {}
    log.extend((0, bars(at)) for at in range(1, 25))
    for at, (make, (code, rows)) in enumerate(LETTERS.values(), 25):
        expected[0, len(log), code, rows] = at
        log.append((0, make(at)))
        log.append((0, bars(at + 100)))
    write_log(one_partition, log)  # type: ignore[arg-type]
    run_agent(one_partition)
    outcome = assert_as_expected(one_partition)
    assert outcome.letters == set(expected)
    names = TopicNames(one_partition.topics.prefix)
    raw = {record.offset: record.value for record in read_topic(one_partition, names.bars)}
    for record in read_topic(one_partition, names.dlq(names.bars)):
        headers = dict(record.headers)
        assert record.value == raw[int(headers["__connect.errors.offset"] or b"")]
        assert headers["__connect.errors.topic"] == names.bars.encode()


def test_good_rows_of_a_bad_batch_go_on(one_partition: Settings) -> None:
    write_log(one_partition, [(0, OPEN), (0, bars(1)), (0, cell(2, "open", 1, np.nan)), (0, bars(3))])
    run_agent(one_partition)
    assert_as_expected(one_partition)
    with psycopg.connect(one_partition.postgres.dsn) as connection:
        rows = connection.execute("SELECT symbol, count(*) FROM bars GROUP BY 1 ORDER BY 1").fetchall()
    assert rows == [("S000", 3), ("S001", 2), ("S002", 3), ("S003", 3)]


def test_duplicates_conflicts_corrections_and_late_bars(one_partition: Settings) -> None:
    dearer = bars(30)
    dearer = replace(dearer, high=dearer.high + 1.0)
    corrected = replace(bars(20, (1,)), close=bars(20, (1,)).low, revision=1)
    log = [(0, OPEN), *((0, bars(at)) for at in range(1, 31) if at != 10), (0, bars(30)), (0, dearer)]
    log += [(0, corrected), (0, bars(10)), (0, bars(31)), (0, corrected), (0, bars(10)), (0, bars(5))]
    # Far behind what the engine remembers: only the store knows these.
    log += [(0, bars(at)) for at in range(32, 120)]
    log += [(0, bars(5)), (0, bars(10)), (0, replace(bars(6), high=bars(6).high + 1.0)), (0, bars(120))]
    write_log(one_partition, log)  # type: ignore[arg-type]
    run_agent(one_partition)
    outcome = assert_as_expected(one_partition)
    assert {code for _, _, code, _ in outcome.letters} == {"revision_conflict"}
    assert len(outcome.letters) == 2
    statuses = [row[7] for row in outcome.bars]
    assert (statuses.count("correction"), statuses.count("late")) == (1, 4)
    assert sorted(row[5] for row in outcome.repairs) == ["late"] * 4 + ["revision"]


def test_a_symbol_on_the_wrong_partition(settings: Settings) -> None:
    initialise(settings)
    whole = bars(1)
    write_log(settings, [*((p, OPEN) for p in range(4)), *((p, whole) for p in range(4))])
    run_agent(settings)
    outcome = assert_as_expected(settings)
    assert len(outcome.bars) == SYMBOLS
    assert {code for _, _, code, _ in outcome.letters} == {"wrong_partition"}
