"""Splits applied to bars at import: prices before a split are divided by its factor, volumes multiplied."""

import csv
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from producers.bar_table import BarTable
from producers.errors import BarInputError
from producers.timestamps import parse_time


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """``factor`` new shares for one old, from the first bar with ``event_time`` > ``effective_time`` (ns UTC) on."""

    symbol: str
    effective_time: int
    factor: float


def read_splits(path: Path) -> tuple[Split, ...]:
    """Read ``path``: CSV with the columns symbol, effective_time, factor. Raises ``BarInputError`` with the line."""
    found = []
    if not path.is_file():
        raise BarInputError(f"{path}: no such file")
    with path.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        missing = {"symbol", "effective_time", "factor"} - set(reader.fieldnames or ())
        if missing:
            raise BarInputError(f"{path}: column {', '.join(sorted(missing))} is missing")
        for row in reader:
            try:
                split = Split(
                    symbol=row["symbol"],
                    effective_time=parse_time(row["effective_time"]),
                    factor=float(row["factor"]),
                )
            except (ValueError, TypeError, AttributeError) as error:
                raise BarInputError(f"{path}, line {reader.line_num}: {error}") from error
            if not (0.0 < split.factor < float("inf")):
                raise BarInputError(f"{path}, line {reader.line_num}: factor {split.factor} is not above 0")
            found.append(split)
    return tuple(found)


def apply_splits(table: BarTable, splits: tuple[Split, ...]) -> BarTable:
    """Return the bars in units of the newest share, so that no price change is a split's.

    The factor of every split after a bar divides its prices and multiplies its volume. Returns don't depend on
    the unit, so nothing of the future shows in them.
    """
    factor = np.ones(len(table))
    for split in splits:
        factor[(table.symbol == split.symbol) & (table.event_time <= split.effective_time)] *= split.factor
    return replace(
        table,
        open=table.open / factor,
        high=table.high / factor,
        low=table.low / factor,
        close=table.close / factor,
        volume=table.volume * factor,
    )
