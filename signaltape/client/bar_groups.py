"""Bars that travel in one batch."""

from typing import NamedTuple

import numpy as np

from producers.bar_table import BarTable
from signaltape.client.bar_checks import Row


class BarGroup(NamedTuple):
    """Bars that travel in one batch. A revised or late one became available when it came, not at its close."""

    event_time: int
    interval: str
    revision: int
    is_late: bool


def bar_table(group: BarGroup, rows: list[Row]) -> BarTable:
    """The gathered rows of one group as a table of one close."""
    prices = np.array([row.prices for row in rows], dtype=np.float64)
    return BarTable(
        interval=group.interval,
        symbol=np.array([row.symbol for row in rows], dtype=np.str_),
        event_time=np.full(len(rows), group.event_time, dtype=np.int64),
        open=prices[:, 0].copy(),
        high=prices[:, 1].copy(),
        low=prices[:, 2].copy(),
        close=prices[:, 3].copy(),
        volume=np.array([row.volume or 0.0 for row in rows], dtype=np.float64),
        volume_valid=np.array([row.volume is not None for row in rows], dtype=np.bool_),
        line=np.arange(len(rows), dtype=np.int64),
    )
