"""Data as expectations see it: named columns of one length, and when it was looked at."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.dataset_content import DatasetContent

#: The label's column, and the key of a row: whose bar, when, and which bar completes the label.
LABEL, KEY = "label", ("symbol", "event_time", "label_time")


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """``columns``: object (texts), int64 (times, ns UTC) or floats (NaN where undefined), shape (n,) each.

    ``features``: names of those that a model may learn from. ``as_of``: the time as of which the data is judged, ns
    UTC; None where it has none.
    """

    columns: Mapping[str, npt.NDArray[Any]]
    features: tuple[str, ...]
    as_of: int | None

    def __len__(self) -> int:
        return len(self.columns[LABEL])

    def known(self, name: str) -> npt.NDArray[np.bool_]:
        """Which rows have a value in a column: bool (n,)."""
        column = self.columns[name]
        if column.dtype == object:
            return np.array([bool(one) for one in column], dtype=bool)
        if column.dtype.kind == "f":
            return np.asarray(~np.isnan(column), dtype=bool)
        return np.ones(len(column), dtype=bool)


def frame_of_content(content: DatasetContent, as_of: int | None) -> Frame:
    """A dataset's rows."""
    features = content.terms.features
    return Frame(
        columns={
            "symbol": content.symbol,
            "event_time": content.event_time,
            "label_time": content.label_event_time,
            LABEL: content.label,
            **{name: content.values[:, place] for place, name in enumerate(features)},
        },
        features=features,
        as_of=as_of,
    )
