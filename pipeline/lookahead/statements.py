"""What a computation says, of which bar, and from when on it says so."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.lookahead.facts import Facts
from schemas.fields import BoolArray, F8Array, I8Array


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Statements:
    """Rows of one table: features of a set, or labels.

    ``kind``: ``feature`` or ``label``. ``event_time``: the bar that a row belongs to (of a label: the bar of the
    prediction). ``known_time``: from when on the row counts as known (both int64 (n,), ns UTC). ``values``: float64
    (n, len(names)), NaN where undefined.
    """

    group: str
    kind: str
    names: tuple[str, ...]
    symbol: npt.NDArray[Any]
    event_time: I8Array
    known_time: I8Array
    values: F8Array

    def take(self, rows: I8Array | BoolArray) -> "Statements":
        """Some of the rows, by index or mask."""
        return Statements(
            group=self.group,
            kind=self.kind,
            names=self.names,
            symbol=self.symbol[rows],
            event_time=self.event_time[rows],
            known_time=self.known_time[rows],
            values=self.values[rows],
        )

    def in_order(self) -> "Statements":
        """The rows by event time, symbol and known time."""
        return self.take(np.lexsort((self.known_time, self.symbol.astype(str), self.event_time)))


#: A computation under test: from facts to what it says about them.
Subject = Callable[[Facts], Sequence[Statements]]
