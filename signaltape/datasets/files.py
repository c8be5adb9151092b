"""A dataset on disk: a folder with `data.parquet` and `manifest.json`."""

import os
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from infra.scoring.files import publish_folder, remove_folder, write_atomically
from pipeline.dataset_content import COLUMNS, DatasetContent, DatasetTerms, canonical
from signaltape.datasets.errors import DatasetError
from signaltape.datasets.manifest import Manifest, from_json

DATA_FILE, MANIFEST_FILE = "data.parquet", "manifest.json"
_TIME = pa.timestamp("ns", tz="UTC")
_TIMES = tuple(name for name in COLUMNS if name.endswith("_time"))


def check_folder(folder: Path) -> None:
    """Refuse a folder that holds something: a dataset is never written over."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DatasetError(f"{folder} exists and is not empty: name a new folder")


def stage(folder: Path, content: DatasetContent, manifest: Manifest) -> Path:
    """Write the whole dataset into a hidden folder beside ``folder``, synced; give it to `publish` or `discard`."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise DatasetError(
            f"{error.filename or folder}: {error.strerror}; choose a folder that can be written"
        ) from None
    try:
        sink = pa.BufferOutputStream()
        pq.write_table(_table(content), sink, compression="zstd")
        write_atomically(staged / DATA_FILE, sink.getvalue().to_pybytes())
        write_atomically(staged / MANIFEST_FILE, manifest.to_json().encode())
        staged.chmod(0o777 & ~_umask())
    except BaseException as error:
        discard(staged)
        if isinstance(error, OSError):
            raise DatasetError(f"{staged}: {error.strerror}; nothing was written") from error
        raise
    return staged


def publish(staged: Path, folder: Path) -> None:
    """Give a staged dataset its name; DatasetError if another one has it by now."""
    try:
        if folder.is_dir():
            folder.rmdir()  # only an empty one can be removed
        publish_folder(staged, folder)
    except OSError as error:
        raise DatasetError(f"{folder} exists and is not empty: name a new folder") from error


def discard(staged: Path) -> None:
    """Remove a staged dataset, if it is still there."""
    remove_folder(staged)


def read_manifest(folder: Path) -> Manifest:
    """The manifest; DatasetError if the folder is no dataset."""
    path = folder / MANIFEST_FILE
    try:
        return from_json(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{folder} is no dataset: {path.name} can't be read ({error})") from error


def read_content(folder: Path, terms: DatasetTerms) -> DatasetContent:
    """All rows; DatasetError naming the file if it is missing, truncated, or has other columns than ``terms`` says."""
    path = folder / DATA_FILE
    try:
        table = pq.read_table(path, partitioning=None)
    except (pa.ArrowException, OSError) as error:
        raise DatasetError(f"{path}: not a readable Parquet file ({error}); build the dataset again") from error
    schema = _schema(terms)
    if table.schema.names != schema.names or table.schema.types != schema.types:
        raise DatasetError(f"{path}: its columns are not those of the manifest; build the dataset again")
    empty = [name for name in COLUMNS if table[name].null_count]
    if empty:
        raise DatasetError(f"{path}: column {empty[0]} has nulls; build the dataset again")
    return DatasetContent(
        terms=terms,
        symbol=np.array(table["symbol"].to_pylist(), dtype=object),
        values=np.stack([_floats(table, name) for name in terms.features], axis=1),
        label=_floats(table, "label"),
        **{name: table[name].cast(pa.int64()).to_numpy() for name in _TIMES},
    )


def _floats(table: pa.Table, name: str) -> npt.NDArray[np.float64]:
    return np.asarray(table[name].fill_null(float("nan")).to_numpy(), dtype=np.float64)


def _schema(terms: DatasetTerms) -> pa.Schema:
    kinds = {"symbol": pa.string(), "label": pa.float64(), **dict.fromkeys(_TIMES, _TIME)}
    columns = ("symbol", "event_time", "available_time", *terms.features, "label", *_TIMES[2:])
    return pa.schema([(name, kinds.get(name, pa.float64())) for name in columns])


def _table(content: DatasetContent) -> pa.Table:
    """Rows in canonical order; undefined features are null."""
    rows = canonical(content)
    columns = {"symbol": pa.array(rows.symbol.tolist(), pa.string()), "label": pa.array(rows.label)}
    columns |= {name: pa.array(getattr(rows, name)).cast(_TIME) for name in _TIMES}
    for place, name in enumerate(rows.terms.features):
        numbers = rows.values[:, place]
        columns[name] = pa.array(numbers, mask=np.isnan(numbers))
    schema = _schema(rows.terms)
    return pa.table([columns[name] for name in schema.names], schema=schema)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
