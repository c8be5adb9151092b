"""Histories: what is refused, with the line; when a bar could be known; how the bars become batches."""

from pathlib import Path

import numpy as np
import pytest

from producers.bar_files import write_bars
from producers.durations import parse_duration
from producers.errors import BarInputError
from producers.history import Availability, Sections, check_splits, read_history
from producers.splits import read_splits
from schemas.intervals import DAY, HOUR, MINUTE, SECOND
from schemas.partitioning import partition_of
from tests.support.world import small_market

HEAD = "symbol,ts,open,high,low,close,known\n"
LAG = Availability(lag=0)


def bar(symbol: str, minute: int, known: str = "2024-01-02T16:00:00Z") -> str:
    return f"{symbol},2024-01-02T15:{minute:02}:00Z,10,11,9,10,{known}\n"


# What stands in the file, how its availability is declared, and what the message says.
BAD = {
    "out of order": (bar("A", 2) + bar("B", 1) + bar("A", 1), LAG, r"after a later one.*line 4 \(A\)"),
    "twice": (bar("A", 1) + bar("B", 1) + bar("A", 1), LAG, r"stands there before: line 4 \(A\)"),
    "long symbol": (bar("A" * 129, 1), LAG, "longer than 128"),
    "naive time": ("A,2024-01-02T15:00:00,10,11,9,10,\n", LAG, "line 2, column ts.*no zone"),
    "no such column": (bar("A", 1), Availability(column="seen"), "column seen is missing"),
    "naive availability": (bar("A", 1, "2024-01-02T15:05:00"), Availability(column="known"), "column known.*no zone"),
    "no availability": (bar("A", 1, ""), Availability(column="known"), "line 2, column known"),
    "known too early": (
        bar("A", 1) + bar("A", 2, "2024-01-02T15:01:59Z"),
        Availability(column="known"),
        r"known lies before the bar's close: line 3 \(A\)",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_a_history_may_not_hold(tmp_path: Path, name: str) -> None:
    body, availability, message = BAD[name]
    file = tmp_path / "bars.csv"
    file.write_text(HEAD + body)
    with pytest.raises(BarInputError, match=message):
        read_history(file, "1m", "close", availability)


def test_two_closes_in_one_session(tmp_path: Path) -> None:
    file = tmp_path / "bars.csv"
    file.write_text(HEAD + bar("A", 1) + bar("A", 2))
    with pytest.raises(BarInputError, match=r"same UTC session before: line 3 \(A\)"):
        read_history(file, "1d", "close", LAG)


def test_unknown_interval_and_a_truncated_parquet_file(tmp_path: Path) -> None:
    file = tmp_path / "bars.parquet"
    write_bars(file, small_market(symbols=2, bars=30))
    with pytest.raises(BarInputError, match="interval '7m' is not known"):
        read_history(file, "7m", "close", LAG)
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(BarInputError, match="not a readable Parquet file"):
        read_history(file, "1m", "close", LAG)


@pytest.mark.parametrize("both", [{}, {"lag": 0, "column": "known"}])
def test_availability_is_declared_once(both: dict[str, object]) -> None:
    with pytest.raises(BarInputError, match="say when the bars could be known"):
        Availability(**both)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "ns"), [("0s", 0), ("500ms", SECOND // 2), ("15m", 15 * MINUTE), ("1.5h", 90 * MINUTE), ("1d", DAY)]
)
def test_durations(text: str, ns: int) -> None:
    assert parse_duration(text, "--lag") == ns


@pytest.mark.parametrize("text", ["-1s", "-0.5h", "15", "m", "", "1 s", "1e3s", "soon"])
def test_no_durations(text: str) -> None:
    with pytest.raises(BarInputError, match="--lag is"):
        parse_duration(text, "--lag")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("A,2024-01-02T15:00:00Z,0\n", "line 2: factor 0.0 is not above 0"),
        ("A,2024-01-02T15:00:00Z,-2\n", "line 2: factor -2.0 is not above 0"),
        ("A,2024-01-02T15:00:00Z,nan\n", "line 2: factor nan"),
        ("B,2024-01-02T15:00:00Z,2\n", "'B' has no bars"),
        ("A,2024-01-02T15:00:00Z,2\nA,2024-01-02T15:00:00Z,3\n", "stands there twice"),
    ],
)
def test_splits_that_do_not_fit(tmp_path: Path, line: str, message: str) -> None:
    bars, splits = tmp_path / "bars.csv", tmp_path / "splits.csv"
    bars.write_text(HEAD + bar("A", 1))
    splits.write_text("symbol,effective_time,factor\n" + line)
    with pytest.raises(BarInputError, match=message):
        check_splits(splits, read_splits(splits), read_history(bars, "1m", "close", LAG))


def test_batches_share_close_partition_and_the_time_they_could_be_known(tmp_path: Path) -> None:
    file = tmp_path / "bars.csv"
    late = "2024-01-02T17:00:00Z"
    names = [f"S{number}" for number in range(9)]
    file.write_text(HEAD + "".join(bar(name, 1, late if name == "S3" else "2024-01-02T16:00:00Z") for name in names))
    history = read_history(file, "1m", "close", Availability(column="known"))
    sections = list(Sections(history, partitions=4, feed="f", source="v"))
    assert sum(len(batch.symbols) for _, batch in sections) == 9
    for partition, batch in sections:
        assert {partition_of(symbol, 4) for symbol in batch.symbols} == {partition}
        hours = 17 if batch.symbols == ("S3",) else 16
        assert batch.available_time % DAY == hours * HOUR
        assert ("S3" in batch.symbols) == (hours == 17)


def test_batches_are_in_time_order_whatever_the_file_s(tmp_path: Path) -> None:
    table = small_market(symbols=5, bars=40)
    file = tmp_path / "bars.parquet"
    write_bars(file, table.take(np.lexsort((table.event_time, table.symbol))))
    history = read_history(file, "1m", "close", Availability(lag=2 * MINUTE))
    sections = list(Sections(history, partitions=2, feed="f", source="v"))
    times = [batch.event_time for _, batch in sections]
    assert times == sorted(times)
    assert all(batch.available_time == batch.event_time + 2 * MINUTE for _, batch in sections)
    assert sum(len(batch.symbols) for _, batch in sections) == len(table)
    assert Sections(history, partitions=2, feed="f", source="v").sizes.sum() == len(table)
