"""Topic names, ids, partitions and headers: values that other processes and other releases depend on."""

import subprocess
import sys

import numpy as np
import pytest

from schemas.headers import (
    WRITTEN,
    dead_letter_headers,
    event_headers,
    iso_time,
    trace_id,
    traceparent,
    written_headers,
    written_ms,
)
from schemas.ids import alert_id, bar_batch_id, derived_id, digest, signal_id, watermark_id
from schemas.partitioning import murmur2, partition_of, partitions_of
from schemas.topics import DEAD_LETTERED, TOPICS, TopicNames
from tests.support.example_messages import BARS, EXAMPLES


@pytest.mark.parametrize(
    ("key", "expected"),
    [  # Values of org.apache.kafka.common.utils.UtilsTest, as signed 32-bit integers.
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_is_the_one_of_kafka(key: bytes, expected: int) -> None:
    assert murmur2(key) == expected & 0xFFFFFFFF


def test_partitions_of_many_symbols() -> None:
    symbols = ["AAPL", "MSFT", "Å", ""]
    found = partitions_of(symbols, 12)
    assert found.dtype == np.int64
    assert found.tolist() == [partition_of(symbol, 12) for symbol in symbols]
    assert partitions_of([], 12).shape == (0,)


def test_ids_are_fixed_values() -> None:
    assert signal_id("main", "AAPL", "1m", 60) == "de33a973b66c50c86962aeb0cdcd9337"
    assert alert_id("classic", "r", "s", "score", 5) == "7625c4264f4ed1ea467b0fd2eca0cc31"
    assert derived_id("features.v1", 3, (41, 2)) == "features.v1/3/41/2"
    assert digest("ab", "c") != digest("a", "bc")


def test_ids_are_the_same_in_another_process() -> None:
    program = "from schemas.ids import signal_id; print(signal_id('main', 'AAPL', '1m', 60))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == signal_id("main", "AAPL", "1m", 60)


def test_ids_tell_facts_apart() -> None:
    watermark = EXAMPLES["Watermark"]
    ids = {
        signal_id("main", "AAPL", "1m", 60),
        signal_id("main", "AAPL", "1m", 61),
        signal_id("other", "AAPL", "1m", 60),
        alert_id("main", "AAPL", "1m", "", 60),
        bar_batch_id(0, BARS),
        bar_batch_id(1, BARS),
        watermark_id(0, watermark),  # type: ignore[arg-type]
        watermark_id(1, watermark),  # type: ignore[arg-type]
    }
    assert len(ids) == 8


def test_topic_names() -> None:
    names = TopicNames("replay-7.")
    assert names.bars == "replay-7.bars.v1"
    assert names.bars_in == "replay-7.bars-in.v1"
    assert names.dlq(names.bars) == "replay-7.bars.v1.dlq"
    assert TopicNames().signals == "signals.v1"


def test_the_topic_table_is_consistent() -> None:
    known = [topic.name for topic in TOPICS]
    assert len(set(known)) == len(known)
    assert set(DEAD_LETTERED) <= set(known)
    assert all(getattr(TopicNames(), name.replace("-", "_")) == TopicNames().of(name) for name in known)


def test_times_in_headers_are_rfc_3339() -> None:
    assert iso_time(1_700_000_040_000_000_000) == "2023-11-14T22:14:00Z"
    assert iso_time(1_700_000_040_000_001_000) == "2023-11-14T22:14:00.000001Z"


def test_traces_are_copied() -> None:
    trace = [("traceparent", b"00-ab-cd-01"), ("tracestate", b"x=1")]
    assert traceparent([("ce_id", b"1"), *trace, ("other", None)]) == trace
    assert traceparent(None) == []
    assert event_headers("Signal", "id", "source", 0)[0][0] == "ce_specversion"


def test_trace_id_is_that_of_a_well_formed_header() -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    header = f"00-{trace}-00f067aa0ba902b7-01".encode()
    assert trace_id([("ce_id", b"1"), ("traceparent", header)]) == trace
    assert trace_id([]) is None
    for odd in (
        None,
        b"",
        b"00-ab-cd-01",
        header.upper(),
        header.replace(trace.encode(), b"0" * 32),
        b"x" + header,
        b"\xff" * 55,
    ):
        assert trace_id([("traceparent", odd)]) is None


def test_when_a_source_was_written_is_read_back_and_nothing_else_is_taken_for_it() -> None:
    assert written_ms([("ce_id", b"1"), *written_headers(1_700_000_040_123)]) == 1_700_000_040_123
    assert written_headers(-1) == []  # the broker told no time
    assert written_ms([]) is None
    for odd in (b"", b"-5", b"1e3", b"9" * 40, "²".encode(), None):
        assert written_ms([(WRITTEN, odd)]) is None


def test_a_dead_letter_names_its_address_and_rows() -> None:
    headers = dict(dead_letter_headers(("bars.v1", 2, 99), "features", "not_finite", "NaN", rows=[1, 4], symbols="BE"))
    assert headers["__connect.errors.topic"] == b"bars.v1"
    assert headers["__connect.errors.partition"] == b"2"
    assert headers["__connect.errors.offset"] == b"99"
    assert headers["__connect.errors.stage"] == b"features"
    assert headers["__connect.errors.exception.class.name"] == b"not_finite"
    assert headers["signaltape.rows"] == b"1,4"
    assert headers["signaltape.symbols"] == b"B,E"
