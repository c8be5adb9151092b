"""Rows of one stage and bar time side by side, from messages: what is compared value by value."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from pipeline.engine_types import ROW_STATUSES, StoredRows
from pipeline.explanation.comparison import Value
from schemas.bars import BarBatch
from schemas.features import FeatureBatch
from schemas.fields import F8Array
from schemas.predictions import DIRECTIONS, OUTCOMES, STATUSES, PredictionBatch
from schemas.signals import Signal

PREDICTION_NUMBERS = ("score", "confidence")
PREDICTION_FACTS = ("sha256", "horizon", "experiment", "status", "direction", "outcome")
SIGNAL_NUMBERS = ("score", "confidence", "reference_price", "position_scale")
SIGNAL_FACTS = (
    "signal_id", "signal", "horizon", "strategy", "model", "model_version", "models", "expires_at", "reason",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Sheet:
    """n rows. ``numbers`` float64 (n, len(columns)), NaN where undefined; ``facts``: n tuples under ``fact_names``.

    ``keys`` tell rows apart, mostly by symbol; ``offsets``: where in the log of bars each comes from, -1 unknown.
    """

    symbols: tuple[str, ...]
    keys: tuple[str, ...]
    columns: tuple[str, ...] = ()
    numbers: F8Array
    fact_names: tuple[str, ...] = ()
    facts: tuple[tuple[Value, ...], ...]
    offsets: tuple[int, ...]


def empty(columns: tuple[str, ...] = (), fact_names: tuple[str, ...] = ()) -> Sheet:
    """Return a sheet without rows."""
    numbers = np.empty((0, len(columns)))
    return Sheet(symbols=(), keys=(), columns=columns, numbers=numbers, fact_names=fact_names, facts=(), offsets=())


def empty_like(sheet: Sheet | None) -> Sheet:
    """Return a sheet without rows and with the columns of another, which may not be there either."""
    return empty() if sheet is None else empty(sheet.columns, sheet.fact_names)


def joined(sheets: Sequence[Sheet]) -> Sheet:
    """Return the rows of all sheets, which have the same columns; at least one."""
    if len(sheets) == 1:
        return sheets[0]
    return Sheet(
        symbols=tuple(chain.from_iterable(one.symbols for one in sheets)),
        keys=tuple(chain.from_iterable(one.keys for one in sheets)),
        columns=sheets[0].columns,
        numbers=np.concatenate([one.numbers for one in sheets]),
        fact_names=sheets[0].fact_names,
        facts=tuple(chain.from_iterable(one.facts for one in sheets)),
        offsets=tuple(chain.from_iterable(one.offsets for one in sheets)),
    )


def feature_sheet(batch: FeatureBatch, names: Sequence[str]) -> Sheet:
    """Rows of a set: the bar's close, the values, and when they could be known."""
    rows = len(batch.symbols)
    available = -(-batch.available_time // 1_000) * 1_000
    return Sheet(
        symbols=batch.symbols,
        keys=batch.symbols,
        columns=("close", *names),
        numbers=np.column_stack([batch.close, np.where(batch.valid, batch.values, np.nan)]),
        fact_names=("available_time",),
        facts=tuple((one,) for one in available.tolist()),
        offsets=(batch.link.position[0],) * rows,
    )


def correction_sheet(batch: FeatureBatch, names: Sequence[str]) -> Sheet:
    """Rows that were made again from a state: a symbol may be corrected several times, each time from elsewhere."""
    offset = batch.link.position[0]
    return replace(feature_sheet(batch, names), keys=tuple(f"{symbol}\n{offset}" for symbol in batch.symbols))


def offset_sheet(batch: FeatureBatch) -> Sheet:
    """Where in the log the bars lie that a set's rows are made from."""
    rows, offset = len(batch.symbols), batch.link.position[0]
    return Sheet(
        symbols=batch.symbols,
        keys=batch.symbols,
        numbers=np.empty((rows, 0)),
        fact_names=("source_offset",),
        facts=((offset,),) * rows,
        offsets=(offset,) * rows,
    )


def prediction_sheet(batch: PredictionBatch) -> Sheet:
    """Rows of a model call."""
    columns = zip(batch.status.tolist(), batch.direction.tolist(), batch.outcome.tolist(), strict=True)
    call = (batch.model_sha256, batch.horizon, batch.experiment or "")
    return Sheet(
        symbols=batch.symbols,
        keys=batch.symbols,
        columns=PREDICTION_NUMBERS,
        numbers=np.column_stack([batch.score, batch.confidence]),
        fact_names=PREDICTION_FACTS,
        facts=tuple((*call, STATUSES[one], DIRECTIONS[two], OUTCOMES[three]) for one, two, three in columns),
        offsets=(batch.source_position[0],) * len(batch.symbols),
    )


def signal_sheet(signals: Sequence[Signal]) -> Sheet:
    """Signals of one interval and bar time."""
    symbols = tuple(one.symbol for one in signals)
    numbers = [[getattr(one, name) for name in SIGNAL_NUMBERS] for one in signals]
    return Sheet(
        symbols=symbols,
        keys=symbols,
        columns=SIGNAL_NUMBERS,
        numbers=np.array(numbers, dtype=np.float64).reshape(len(signals), len(SIGNAL_NUMBERS)),
        fact_names=SIGNAL_FACTS,
        facts=tuple(tuple(getattr(one, name) for name in SIGNAL_FACTS) for one in signals),
        offsets=tuple(one.source[1] for one in signals),
    )


def bar_sheet(batch: BarBatch, kept: StoredRows, offset: int) -> Sheet:
    """How the log treats the bars of a message."""
    symbols = tuple(batch.symbols[row] for row in kept.rows.tolist())
    return Sheet(
        symbols=symbols,
        keys=tuple(bar_key(one, batch.source, batch.revision) for one in symbols),
        numbers=np.empty((len(symbols), 0)),
        fact_names=("status",),
        facts=tuple((ROW_STATUSES[code],) for code in kept.status.tolist()),
        offsets=(offset,) * len(symbols),
    )


def bar_key(symbol: str, source: str, revision: int) -> str:
    """What tells bars of one interval and close apart."""
    return f"{symbol}\n{source}\n{revision}"
