from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from producers.bar_files import read_bars
from producers.errors import BarInputError

pytestmark = pytest.mark.unit

HEADER = "symbol,ts,open,high,low,close,volume\n"
GOOD = "A,2024-01-02T14:31:00Z,10,11,9,10.5,100\n"


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "bars.csv"
    path.write_text(text)
    return path


def test_reads_zones_and_nanoseconds_alike(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        HEADER + GOOD + "A,2024-01-02T15:32:00+01:00,10,11,9,10,1\n" + "A,1704205980000000000,10,11,9,10,1\n",
    )
    table = read_bars(path, "1m", "close")
    assert table.event_time.tolist() == [1704205860 * 10**9, 1704205920 * 10**9, 1704205980 * 10**9]
    assert table.line.tolist() == [2, 3, 4]


def test_open_stamp_moves_to_the_close(tmp_path: Path) -> None:
    table = read_bars(write(tmp_path, HEADER + GOOD), "1m", "open")
    assert table.event_time.tolist() == [1704205920 * 10**9]


@pytest.mark.parametrize(
    "text",
    [
        "symbol,ts,open,high,low,close\nA,2024-01-02T14:31:00Z,10,11,9,10\n",
        HEADER + "A,2024-01-02T14:31:00Z,10,11,9,10,\n",
    ],
)
def test_missing_volume_is_allowed(tmp_path: Path, text: str) -> None:
    table = read_bars(write(tmp_path, text), "1m", "close")
    assert table.volume_valid.tolist() == [False]
    assert table.volume.tolist() == [0.0]


# What is wrong with the third line (the second is good), and what the message must name.
BAD_LINES = [
    ("A,2024-01-02T14:32:00,10,11,9,10,1", "line 3, column ts: time '2024-01-02T14:32:00' has no zone"),
    ("A,1704205980,10,11,9,10,1", "integers must be ns"),
    ("A,yesterday,10,11,9,10,1", "line 3, column ts"),
    ("A,2024-01-02T14:32:00Z,ten,11,9,10,1", "line 3, column open: could not convert string to float: 'ten'"),
    ("A,2024-01-02T14:32:00Z,10,11", "line 3: 4 of 7 columns"),
    ("A,2024-01-02T14:32:00Z,nan,11,9,10,1", "NaN or infinite: line 3"),
    ("A,2024-01-02T14:32:00Z,10,inf,9,10,1", "NaN or infinite: line 3"),
    ("A,2024-01-02T14:32:00Z,10,9,11,10,1", "high is below low: line 3"),
    ("A,2024-01-02T14:32:00Z,10,11,9,12,1", r"close lies outside \[low, high\]: line 3"),
    ("A,2024-01-02T14:32:00Z,12,11,9,10,1", r"open lies outside \[low, high\]: line 3"),
    ("A,2024-01-02T14:32:00Z,0,11,0,10,1", "zero or negative: line 3"),
    ("A,2024-01-02T14:32:00Z,10,11,-9,10,1", "zero or negative: line 3"),
    ("A,2024-01-02T14:32:00Z,10,11,9,10,-1", "volume is negative or infinite: line 3"),
    ("A,2024-01-02T14:32:00Z,10,11,9,10,inf", "volume is negative or infinite: line 3"),
    ("A,2024-01-02T14:32:30Z,10,11,9,10,1", "not on the grid of 1m: line 3"),
    (",2024-01-02T14:32:00Z,10,11,9,10,1", "symbol is empty: line 3"),
]


@pytest.mark.parametrize(("line", "message"), BAD_LINES)
def test_a_bad_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(BarInputError, match=message):
        read_bars(write(tmp_path, HEADER + GOOD + line + "\n"), "1m", "close")


def test_missing_column_interval_stamp_and_file(tmp_path: Path) -> None:
    with pytest.raises(BarInputError, match="column close is missing"):
        read_bars(write(tmp_path, "symbol,ts,open,high,low\n"), "1m", "close")
    good = write(tmp_path, HEADER + GOOD)
    with pytest.raises(BarInputError, match="interval '7m' is not known; use one of 1s"):
        read_bars(good, "7m", "close")
    with pytest.raises(BarInputError, match="stamp is 'middle'"):
        read_bars(good, "1m", "middle")
    with pytest.raises(BarInputError, match="no such file"):
        read_bars(tmp_path / "none.csv", "1m", "close")
    with pytest.raises(BarInputError, match="no bar"):
        read_bars(write(tmp_path, HEADER), "1m", "close")


def parquet(tmp_path: Path, **changes: object) -> Path:
    columns: dict[str, object] = {
        "symbol": ["A"], "ts": [1704205860 * 10**9], "open": [10.0], "high": [11.0], "low": [9.0], "close": [10.0],
        "volume": [1.0],
    }  # fmt: skip
    path = tmp_path / "bars.parquet"
    pq.write_table(pa.table(columns | changes), path)
    return path


def test_parquet_times(tmp_path: Path) -> None:
    zoned = pa.array([1704205860 * 10**6], type=pa.timestamp("us", tz="America/New_York"))
    assert read_bars(parquet(tmp_path, ts=zoned), "1m", "close").event_time.tolist() == [1704205860 * 10**9]
    naive = pa.array([1704205860 * 10**6], type=pa.timestamp("us"))
    with pytest.raises(BarInputError, match="the timestamps have no zone"):
        read_bars(parquet(tmp_path, ts=naive), "1m", "close")
    with pytest.raises(BarInputError, match="row 1, column ts: is null"):
        read_bars(parquet(tmp_path, ts=pa.array([None], type=pa.int64())), "1m", "close")
    with pytest.raises(BarInputError, match="column open: not numbers"):
        read_bars(parquet(tmp_path, open=["ten"]), "1m", "close")
    with pytest.raises(BarInputError, match="row 1, column ts: time 1704205860 is before 1990"):
        read_bars(parquet(tmp_path, ts=[1704205860]), "1m", "close")
    with pytest.raises(BarInputError, match="column ts: not times in ns"):
        read_bars(parquet(tmp_path, ts=pa.array([2**63], type=pa.uint64())), "1m", "close")


def test_parquet_symbols(tmp_path: Path) -> None:
    assert read_bars(parquet(tmp_path, symbol=["None"]), "1m", "close").symbol.tolist() == ["None"]
    coded = pa.array(["A"]).dictionary_encode()
    assert read_bars(parquet(tmp_path, symbol=coded), "1m", "close").symbol.tolist() == ["A"]
    with pytest.raises(BarInputError, match="row 1, column symbol: is null"):
        read_bars(parquet(tmp_path, symbol=pa.array([None], type=pa.string())), "1m", "close")


def test_not_a_parquet_file(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(BarInputError, match="not a readable Parquet file"):
        read_bars(path, "1m", "close")
