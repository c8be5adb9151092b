"""From records to groups: the same bars whatever the lots, and what decides when a bar was available."""

import json
from dataclasses import dataclass
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.ingest.bar_clock import BarClock
from consumers.ingest.intake import Intake, Rejection
from consumers.ingest.merge import PartitionMerge
from infra.service_settings import IngestSettings
from schemas.errors import DecodeError
from schemas.raw_bar import decode_raw_bar
from schemas.raw_columns import NO_TIME, decode_raw_bars

SECOND = 1_000_000_000
BASE = 1_700_000_000 * SECOND
ARRIVAL_MS = 1_700_000_099_000


@dataclass(frozen=True)
class FakeMessage:
    """The parts of a client's message that the intake reads."""

    body: bytes | None
    at: int

    def value(self) -> bytes | None:
        return self.body

    def offset(self) -> int:
        return self.at

    def timestamp(self) -> tuple[int, int]:
        return 1, ARRIVAL_MS


def raw(symbol: str = "A", close: int = 0, **changes: Any) -> dict[str, Any]:
    return {
        "symbol": symbol, "interval": "1s", "event_time": BASE + close * SECOND,
        "open": 10.0, "high": 11.0, "low": 9.0, "close": 10.5,
    } | changes  # fmt: skip


def records(bodies: list[Any], first: int = 0) -> list[FakeMessage]:
    values = [body if isinstance(body, bytes | None) else msgpack.packb(body) for body in bodies]
    return [FakeMessage(value, first + at) for at, value in enumerate(values)]


Taken = tuple[list[tuple[Any, ...]], list[Rejection]]


def take(lots: list[list[FakeMessage]], newest: int = 0) -> Taken:
    """Every bar with its key and its group's place, and the rejections."""
    merge, clock = PartitionMerge(0.0), BarClock(0, 5.0)
    merge.assign([0])
    clock.assign({0: newest}, 0.0)
    intake = Intake(merge, clock, IngestSettings(lag_s=2.0))
    rejected = [fault for lot in lots for fault in intake.take(0, lot, BASE + 1_000 * SECOND, 0.0)]
    found = []
    for group in merge.release(1.0):
        columns = [column for block in group.blocks for column in block.T.tolist()]
        for symbol, values in zip(group.symbols, columns, strict=True):
            found.append((group.key, group.first_offset, group.newest_before, symbol, str(values)))
    return found, rejected


def available(bodies: list[dict[str, Any]], newest: int = 0) -> list[int]:
    return [row[0].available_time for row in take([records(bodies)], newest)[0]]


def test_available_time_of_first_late_and_revised_bars() -> None:
    first, arrival = BASE + 5 * SECOND + 2 * SECOND, ARRIVAL_MS * 1_000_000
    assert available([raw(close=5)]) == [first]
    assert available([raw(close=5)], newest=BASE + 5 * SECOND) == [first]
    assert available([raw(close=5)], newest=BASE + 6 * SECOND) == [arrival]
    assert available([raw("B", close=6), raw(close=5)])[1] == arrival
    assert available([raw(close=5, revision=1)]) == [arrival]
    assert available([raw(close=5, available_time=7)], newest=BASE + 6 * SECOND) == [7]
    assert available([raw(close=5, available_time=-7)]) == [-7]


def test_a_restart_in_the_middle_gives_the_same_groups() -> None:
    """What is committed with an offset is all that a successor needs to judge the bars behind it."""
    lot = records([raw(close=n) for n in (1, 2, 9, 4, 4, 10, 3)])
    whole, _ = take([lot])
    for cut in range(1, len(lot)):
        newest = max(BASE + n * SECOND for n in (1, 2, 9, 4, 4, 10, 3)[:cut])
        after, _ = take([lot[cut:]], newest)
        assert [row[0] for row in after] == [row[0] for row in whole[cut:]]


GOOD = st.builds(
    raw,
    st.sampled_from("AB"),
    st.integers(0, 4),
    volume=st.sampled_from([None, 0, 3, 2.5]),
    source=st.sampled_from(["", "x"]),
    feed=st.sampled_from(["", "f"]),
    interval=st.sampled_from(["1s", "1d"]),
    revision=st.integers(0, 1),
    available_time=st.sampled_from([None, BASE, "2023-11-14T22:14:00Z"]),
)
BAD = st.sampled_from(
    [
        None, b"", b"\xc1", b"{", msgpack.packb([1]), b"x" * 20_000, raw(close=2_000), raw(v=2), raw(symbol=""),
        raw() | {"symbol": 3}, raw(interval="7m"), raw(interval=["1s"]), raw(event_time=BASE + 1), raw(event_time=1.5),
        raw(event_time=True), raw(event_time="2023-11-14T22:14:00"), raw(high=8.0), raw(open=12.0),
        raw() | {"close": 12.0},        raw(low=0.0), raw(volume=-1), raw(volume=float("nan")), raw(volume=True),
        raw(low="9"), raw(open=float("inf")),
        raw(revision=-1), raw(revision=None), raw(source=5), raw(feed="a\0"), raw(available_time=1.5),
        {key: value for key, value in raw().items() if key != "low"},
    ]
)  # fmt: skip


@given(st.lists(st.one_of(GOOD, GOOD, BAD), max_size=60), st.integers(1, 60))
def test_lots_of_any_size_give_what_single_records_give(bodies: list[Any], size: int) -> None:
    lot = records(bodies)
    alone, refused = take([[one] for one in lot])
    together, refused_together = take([lot[at : at + size] for at in range(0, len(lot), size)])
    assert together == alone
    assert refused_together == refused


@given(st.one_of(GOOD, BAD))
def test_columns_hold_the_same_rules_as_a_single_bar(body: Any) -> None:
    value = body if isinstance(body, bytes | None) else msgpack.packb(body)
    columns = decode_raw_bars([value])
    try:
        bar = decode_raw_bar(value)
    except DecodeError:
        assert columns is None
        return
    assert columns is not None
    prices = columns.prices[:, 0].tolist()
    assert (columns.symbols[0], columns.interval[0], int(columns.event_time[0])) == (
        bar.symbol, bar.interval, bar.event_time,
    )  # fmt: skip
    assert prices[:4] == [bar.open, bar.high, bar.low, bar.close]
    assert (prices[4] == bar.volume) if bar.volume is not None else prices[4] != prices[4]
    given_time = None if columns.available_time is None else int(columns.available_time[0])
    assert (None if given_time == NO_TIME else given_time) == bar.available_time


@pytest.mark.parametrize("size", [1, 3, 200])
def test_json_and_messagepack_may_be_mixed(size: int) -> None:
    bodies = [raw(close=n) if n % 2 else json.dumps(raw(close=n)).encode() for n in range(200)]
    lot = records(bodies)
    found, rejected = take([lot[at : at + size] for at in range(0, len(lot), size)])
    assert [row[0].event_time for row in found] == [BASE + n * SECOND for n in range(200)]
    assert rejected == []
