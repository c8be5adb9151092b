import hashlib
from pathlib import Path

import numpy as np
import pytest

import signaltape
from producers.bar_files import read_bars
from producers.errors import BarInputError
from producers.splits import apply_splits, read_splits

pytestmark = pytest.mark.unit

DATA = Path(signaltape.__file__).parent / "data"


def test_sample_file_is_the_one_that_was_checked() -> None:
    digest, name = (DATA / "us_equities_1d.parquet.sha256").read_text().split()
    assert hashlib.sha256((DATA / name).read_bytes()).hexdigest() == digest


def test_no_return_of_the_sample_crosses_a_split() -> None:
    raw = read_bars(DATA / "us_equities_1d.parquet", "1d", "close")
    splits = read_splits(DATA / "us_equities_1d_splits.csv")
    adjusted = apply_splits(raw, splits)
    for split in splits:
        rows = np.flatnonzero(adjusted.symbol == split.symbol)
        first_after = rows[np.searchsorted(adjusted.event_time[rows], split.effective_time, side="right")]
        before = np.log(raw.close[first_after] / raw.close[first_after - 1])
        after = np.log(adjusted.close[first_after] / adjusted.close[first_after - 1])
        assert before < -0.5
        assert after == pytest.approx(before + np.log(split.factor), abs=1e-12)
        assert abs(after) < 0.12
    assert np.array_equal(adjusted.close[adjusted.symbol == "IBM"], raw.close[raw.symbol == "IBM"])
    assert np.allclose(adjusted.close * adjusted.volume, raw.close * raw.volume, rtol=1e-12)


def test_bad_split_file_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "splits.csv"
    path.write_text("symbol,effective_time,factor\nA,2000-01-03T21:00:00Z,0\n")
    with pytest.raises(BarInputError, match=r"line 2: factor 0.0 is not above 0"):
        read_splits(path)
    path.write_text("symbol,factor\nA,2\n")
    with pytest.raises(BarInputError, match="column effective_time is missing"):
        read_splits(path)
