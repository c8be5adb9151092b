"""From bars to labelled rows: features by the live engine, and the return that came true over the horizon."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pipeline.features import FEATURE_SETS
from pipeline.offline import FeatureTable, compute
from producers.bar_table import BarTable
from schemas.fields import BoolArray, F8Array, I8Array
from signaltape.training.errors import TrainingError
from signaltape.training.options import TrainOptions
from signaltape.validation.frame import LABEL, Frame

F4Array = npt.NDArray[np.float32]
#: Told what is being done: (cross-sections done, all of them).
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Rows:
    """n labelled rows in time order.

    ``x``: float32 (n, features), NaN where undefined: what the model will see. ``y``: float64 (n,), log return over
    the horizon. ``event_time``: when the prediction is made; ``matures``: close of the bar that completes the label
    (both ns UTC). ``symbol``: object (n,).
    """

    features: tuple[str, ...]
    x: F4Array
    y: F8Array
    event_time: I8Array
    matures: I8Array
    symbol: npt.NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: I8Array | BoolArray) -> "Rows":
        """Some of the rows, by index or mask."""
        return Rows(
            features=self.features,
            x=self.x[rows],
            y=self.y[rows],
            event_time=self.event_time[rows],
            matures=self.matures[rows],
            symbol=self.symbol[rows],
        )

    @classmethod
    def joined(cls, first: "Rows", second: "Rows") -> "Rows":
        """The rows of two spans of the same features, one after the other."""
        names = ("x", "y", "event_time", "matures", "symbol")
        columns = {name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in names}
        return cls(features=first.features, **columns)

    def with_columns(self, kept: BoolArray) -> "Rows":
        """The same rows with some of the features, by mask (features,)."""
        names = tuple(name for name, keep in zip(self.features, kept, strict=True) if keep)
        return replace(self, features=names, x=np.ascontiguousarray(self.x[:, kept]))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Dataset:
    """Labelled rows and what became of the bars: ``bars`` read, ``refused`` as faulty or duplicate, ``unmatured``
    vectors left out because their label isn't known yet. ``fingerprint``: SHA-256 over rows, names and set.

    Rows of a dataset on disk: its fingerprint, ``dataset_id`` and ``as_of`` (ns UTC), no ``bars`` (None), ``refused``
    as late."""

    rows: Rows
    set_version: int
    set_hash: str
    intervals: tuple[str, ...]
    bars: int | None
    refused: int
    unmatured: int
    fingerprint: str
    dataset_id: str = ""
    as_of: int | None = None


def build_dataset(tables: Sequence[BarTable], options: TrainOptions, progress: Progress | None = None) -> Dataset:
    """Run bars through the engine and label the vectors. Raises TrainingError for unknown sets, columns, no rows."""
    names = chosen_features(options)
    if not tables:
        raise TrainingError("no bars to train on: give at least one table or file")
    computed = [
        compute(table, table.interval, options.feature_set, horizons=(options.horizon,), progress=progress)
        for table in tables
    ]
    parts = [_labelled(table, names, options.horizon) for table in computed]
    rows = _joined(names, parts)
    chosen = FEATURE_SETS[options.feature_set]
    intervals = tuple(dict.fromkeys(table.interval for table in tables))
    return Dataset(
        rows=rows,
        set_version=chosen.version,
        set_hash=chosen.hash,
        intervals=intervals,
        bars=sum(len(table) for table in tables),
        refused=sum(len(table.faults) + table.duplicates for table in computed),
        unmatured=sum(len(table.event_time) for table in computed) - len(rows),
        fingerprint=_fingerprint(rows, (options.feature_set, chosen.hash, str(options.horizon), *intervals)),
    )


def frame_of(data: Dataset) -> Frame:
    """The rows as the checks of data see them: float32 features, as the model will see them."""
    rows = data.rows
    return Frame(
        columns={
            "symbol": rows.symbol,
            "event_time": rows.event_time,
            "label_time": rows.matures,
            LABEL: rows.y,
            **{name: rows.x[:, place] for place, name in enumerate(rows.features)},
        },
        features=rows.features,
        as_of=data.as_of,
    )


def chosen_features(options: TrainOptions) -> tuple[str, ...]:
    """The model's columns: those named, else all of the set that are free of price and share units."""
    chosen = FEATURE_SETS.get(options.feature_set)
    if chosen is None:
        raise TrainingError(f"no feature set {options.feature_set!r}; there are {', '.join(FEATURE_SETS)}")
    unknown = [name for name in options.features if name not in chosen.names]
    if unknown:
        raise TrainingError(
            f"feature set {chosen.name} has no column {', '.join(unknown)}; it has {', '.join(chosen.names)}"
        )
    return options.features or tuple(one.name for one in chosen.features if one.comparable)


def maturities(symbol: npt.NDArray[np.object_], event_time: I8Array, horizon: int) -> I8Array:
    """Close of each row's ``horizon``-th next bar of the same symbol (ns UTC), -1 where there is none yet.

    A symbol's vectors follow each other bar by bar once it is warm, so counting rows counts bars.
    """
    _, codes = np.unique(symbol.astype(str), return_inverse=True)
    order = np.lexsort((event_time, codes))
    found = np.full(len(order), -1, dtype=np.int64)
    earlier, later = order[:-horizon], order[horizon:]
    same = codes[earlier] == codes[later]
    found[earlier[same]] = event_time[later[same]]
    return found


def _labelled(table: FeatureTable, names: tuple[str, ...], horizon: int) -> Rows:
    columns = [table.names.index(name) for name in names]
    with np.errstate(over="ignore"):
        x = table.values[:, columns].astype(np.float32)
    x[~table.valid[:, columns]] = np.nan
    y = table.returns[horizon]
    matures = maturities(table.symbol, table.event_time, horizon)
    known = np.isfinite(y)
    if (matures[known] < 0).any():
        raise RuntimeError("a return matured without the bar that completes it: vectors and returns do not agree")
    return Rows(features=names, x=x, y=y, event_time=table.event_time, matures=matures, symbol=table.symbol).take(known)


def _joined(names: tuple[str, ...], parts: Sequence[Rows]) -> Rows:
    return in_order(
        Rows(
            features=names,
            x=np.concatenate([part.x for part in parts]),
            y=np.concatenate([part.y for part in parts]),
            event_time=np.concatenate([part.event_time for part in parts]),
            matures=np.concatenate([part.matures for part in parts]),
            symbol=np.concatenate([part.symbol for part in parts]),
        )
    )


def in_order(rows: Rows) -> Rows:
    """Rows by time; ties by symbol and maturity: the order of files or rows at one time must not change the model."""
    return rows.take(np.lexsort((rows.matures, rows.symbol.astype(str), rows.event_time)))


def _fingerprint(rows: Rows, terms: tuple[str, ...]) -> str:
    digest = hashlib.sha256("\n".join((*terms, *rows.features, *rows.symbol.tolist())).encode())
    for column, kind in ((rows.x, "<f4"), (rows.y, "<f8"), (rows.event_time, "<i8"), (rows.matures, "<i8")):
        digest.update(np.ascontiguousarray(column, dtype=kind).tobytes())
    return digest.hexdigest()
