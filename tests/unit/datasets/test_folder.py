"""A dataset on disk: read back to the bit, whatever the Parquet layout; damage and changes are named."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.dataset_content import fingerprint
from signaltape.datasets import DatasetError, first_difference, open_dataset
from signaltape.datasets.files import DATA_FILE, MANIFEST_FILE, check_folder, publish, stage
from tests.support.dataset_examples import T0, Row, content_of, manifest_of, write

ROWS: list[Row] = [
    ("B", 0, (None, -0.0), 0.1),
    ("A", 1, (1e-300, None), -0.2),
    ("A", 0, (3.0, 2.0), 0.3),
    ("É", 4, (0.1 + 0.2, 1e300), 0.4),
]
CONTENT = content_of(ROWS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "made" / "set", CONTENT)
    return tmp_path / "made" / "set"


def test_read_back_to_the_bit(folder: Path) -> None:
    checked = open_dataset(folder)
    assert checked.manifest == manifest_of(CONTENT)
    assert first_difference(checked.content, CONTENT) is None
    assert fingerprint(checked.content) == fingerprint(CONTENT)
    assert sorted(path.name for path in folder.iterdir()) == [DATA_FILE, MANIFEST_FILE]
    assert [path.name for path in folder.parent.iterdir()] == ["set"]
    assert pq.read_table(folder / DATA_FILE)["a"].null_count == 1  # undefined is null, not NaN


def rewritten(table: pa.Table, path: Path) -> None:
    order = np.random.default_rng(3).permutation(table.num_rows)
    pq.write_table(table.take(order), path, compression="none", row_group_size=1, use_dictionary=False)


def label_changed(table: pa.Table, path: Path) -> None:
    labels = table["label"].to_numpy().copy()
    labels[2] = np.nextafter(labels[2], 1)
    place = table.schema.get_field_index("label")
    pq.write_table(table.set_column(place, "label", pa.array(labels)), path)


def row_lost(table: pa.Table, path: Path) -> None:
    pq.write_table(table.slice(1), path)


def row_doubled(table: pa.Table, path: Path) -> None:
    pq.write_table(pa.concat_tables([table, table.slice(0, 1)]), path)


def column_lost(table: pa.Table, path: Path) -> None:
    pq.write_table(table.drop_columns(["a"]), path)


def columns_swapped(table: pa.Table, path: Path) -> None:
    names = ["b" if name == "a" else "a" if name == "b" else name for name in table.column_names]
    pq.write_table(table.rename_columns(names), path)


def label_null(table: pa.Table, path: Path) -> None:
    place = table.schema.get_field_index("label")
    pq.write_table(table.set_column(place, "label", pa.nulls(table.num_rows, pa.float64())), path)


def truncated(_: pa.Table, path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def test_another_layout_is_the_same_dataset(folder: Path) -> None:
    rewritten(pq.read_table(folder / DATA_FILE), folder / DATA_FILE)
    open_dataset(folder)


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (label_changed, "its content has the fingerprint"),
        (row_lost, "its content has the fingerprint"),
        (row_doubled, "two rows of A"),
        (column_lost, "columns are not those"),
        (columns_swapped, "columns are not those"),
        (label_null, "column label has nulls"),
        (truncated, "not a readable Parquet file"),
        (lambda _, path: path.unlink(), "not a readable Parquet file"),
    ],
)
def test_damage_is_named(folder: Path, damage: Callable[[pa.Table, Path], None], what: str) -> None:
    damage(pq.read_table(folder / DATA_FILE), folder / DATA_FILE)
    with pytest.raises(DatasetError, match=what) as told:
        open_dataset(folder)
    assert DATA_FILE in str(told.value)


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("fingerprint", "0" * 64, "was changed"),
        ("rows", 5, "counts of rows"),
        ("universe", [], "counts of rows"),
        ("format", 2, "reads format 1"),
        ("terms", {}, "no manifest of a dataset"),
    ],
)
def test_a_changed_manifest_is_named(folder: Path, field: str, value: object, what: str) -> None:
    path = folder / MANIFEST_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    with pytest.raises(DatasetError, match=what):
        open_dataset(folder)


def test_a_content_that_leaks_is_refused_though_its_fingerprint_matches(tmp_path: Path) -> None:
    planted = content_of(ROWS)
    planted.label_event_time[0] = planted.event_time[0]
    write(tmp_path / "set", planted)
    with pytest.raises(DatasetError, match="a label from no later bar"):
        open_dataset(tmp_path / "set")


def test_a_folder_that_holds_something_is_never_written(folder: Path, tmp_path: Path) -> None:
    before = (folder / MANIFEST_FILE).read_bytes()
    with pytest.raises(DatasetError, match="not empty"):
        check_folder(folder)
    staged = stage(folder, CONTENT, manifest_of(CONTENT))
    with pytest.raises(DatasetError, match="not empty"):
        publish(staged, folder)
    assert (folder / MANIFEST_FILE).read_bytes() == before
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="not empty"):
        check_folder(tmp_path / "file")


def test_the_first_difference_is_told() -> None:
    changed = content_of([*ROWS[:2], ("A", 0, (3.0, 2.5), 0.3), ROWS[3]])
    assert first_difference(CONTENT, changed) == ("A at 2023-11-14T22:14:00+00:00: b was 2.0, is 2.5 in the database")
    assert first_difference(CONTENT, content_of(ROWS[:3])) == "É at 2023-11-14T22:18:00+00:00 is in the dataset only"
    more = content_of([("A", 3, (1.0, 1.0), 0.0), *ROWS])
    assert first_difference(CONTENT, more) == "A at 2023-11-14T22:17:00+00:00 is in the database only"
    assert T0 == 1_700_000_040 * 10**9
