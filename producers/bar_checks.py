"""Checks of bars before they are published: the same rules that the feature agent applies to each row."""

from pathlib import Path

import numpy as np

from producers.bar_table import BarTable
from producers.errors import BarInputError
from schemas.fields import BoolArray
from schemas.intervals import INTERVALS

_SHOWN = 5


def faults(table: BarTable) -> list[tuple[str, BoolArray]]:
    """Return (what is wrong, mask of the rows) for each kind of fault; masks may overlap or be empty.

    Comparisons are written so that a NaN fails them.
    """
    prices = np.stack([table.open, table.high, table.low, table.close])
    finite = np.isfinite(prices).all(axis=0)
    grid = 1_000 if table.interval == "1d" else INTERVALS[table.interval]
    return [
        ("a price is missing, NaN or infinite", ~finite),
        ("a price is zero or negative", finite & ~(prices > 0.0).all(axis=0)),
        ("high is below low", finite & ~(table.high >= table.low)),
        ("open lies outside [low, high]", finite & ~((table.low <= table.open) & (table.open <= table.high))),
        (
            "close lies outside [low, high]",
            finite & ~((table.low <= table.close) & (table.close <= table.high)),
        ),
        ("volume is negative or infinite", ~((table.volume >= 0.0) & np.isfinite(table.volume))),
        (f"the close is not on the grid of {table.interval}", table.event_time % grid != 0),
        ("the symbol is empty", table.symbol == ""),
    ]


def refuse_faulty_rows(path: Path, table: BarTable) -> None:
    """Raise ``BarInputError`` with line numbers if any row can't be a bar."""
    found = [(what, table.line[mask]) for what, mask in faults(table) if mask.any()]
    if not found:
        return
    rows = {int(line) for _, lines in found for line in lines}
    shown = "; ".join(
        f"{what}: line {', '.join(map(str, lines[:_SHOWN]))}{' …' if len(lines) > _SHOWN else ''}"
        for what, lines in found
    )
    raise BarInputError(
        f"{path}: {len(rows)} of {len(table)} rows are no bars ({shown}). Nothing was published;"
        " mend or remove these rows"
    )
