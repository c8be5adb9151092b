"""A training set as columns: its canonical order, its fingerprint, and what it may never hold."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.fields import F8Array, I8Array

#: Version of the canonical form: another one gives other fingerprints.
FORM = 1
#: Names of the columns beside the features; no feature may have one of them.
COLUMNS = ("symbol", "event_time", "available_time", "label", "label_event_time", "label_available_time")


@dataclass(frozen=True, kw_only=True)
class DatasetTerms:
    """What the numbers mean. ``features`` in the columns' order; ``horizon`` in bars."""

    feature_set: str
    set_version: int
    set_hash: str
    features: tuple[str, ...]
    interval: str
    horizon: int
    knowledge: str


@dataclass(frozen=True, kw_only=True, eq=False)
class DatasetContent:
    """n labelled rows, one for each (symbol, bar).

    ``symbol``: object (n,). ``values``: float64 (n, features), NaN where undefined. ``label``: float64 (n,), log return
    over the horizon. Times are int64 (n,), ns UTC: ``event_time`` is the close of the row's bar, ``available_time``
    when its features could be known, ``label_event_time`` the close of the bar that completes the label,
    ``label_available_time`` when the label could be known.
    """

    terms: DatasetTerms
    symbol: npt.NDArray[Any]
    event_time: I8Array
    available_time: I8Array
    values: F8Array
    label: F8Array
    label_event_time: I8Array
    label_available_time: I8Array

    def __len__(self) -> int:
        return int(self.event_time.shape[0])

    def take(self, rows: npt.NDArray[Any]) -> "DatasetContent":
        """Some of the rows, by index or mask."""
        return DatasetContent(terms=self.terms, **{name: getattr(self, name)[rows] for name in (*COLUMNS, "values")})


def canonical(content: DatasetContent) -> DatasetContent:
    """The rows by symbol (order of its code points), then event time. ValueError for two rows of one bar."""
    _, codes = np.unique(content.symbol.astype(str), return_inverse=True)
    order = np.lexsort((content.event_time, codes))
    ordered = content.take(order)
    same = (np.diff(codes[order]) == 0) & (np.diff(ordered.event_time) == 0)
    if same.any():
        row = int(np.flatnonzero(same)[0])
        raise ValueError(f"two rows of {ordered.symbol[row]} at {int(ordered.event_time[row])} ns")
    return ordered


def fingerprint(content: DatasetContent) -> str:
    """SHA-256 (64 hex digits) over terms and rows: the order of rows and the layout of files don't matter.

    Over the terms as JSON, the sorted symbols, then column by column in the canonical order, little-endian; every
    undefined value counts as one and the same NaN. ValueError for two rows of one bar.
    """
    rows = canonical(content)
    names, codes = np.unique(rows.symbol.astype(str), return_inverse=True)
    head = {"form": FORM, "terms": asdict(rows.terms), "rows": len(rows), "symbols": names.tolist()}
    digest = hashlib.sha256(json.dumps(head, sort_keys=True, separators=(",", ":")).encode())
    integers = (codes, rows.event_time, rows.available_time, rows.label_event_time, rows.label_available_time)
    for column in integers:
        digest.update(np.ascontiguousarray(column, dtype="<i8").tobytes())
    for numbers in (rows.label, rows.values):
        digest.update(np.ascontiguousarray(np.where(np.isnan(numbers), np.nan, numbers), dtype="<f8").tobytes())
    return digest.hexdigest()


def leaks(content: DatasetContent, as_of: int) -> tuple[str, ...]:
    """What rows hold that could not be known: one line a rule, with the number of rows and the first. Empty if clean.

    ``as_of``: ns UTC. A row's features must be known at its own bar or after it, and by ``as_of``; its label must
    come from a later bar, not be known before that bar closed, and be known by ``as_of``.
    """
    rules = (
        ("features known before their bar closed", content.available_time < content.event_time),
        ("features that were not known yet at the as-of time", content.available_time > as_of),
        ("a label from no later bar", content.label_event_time <= content.event_time),
        ("a label known before its bar closed", content.label_available_time < content.label_event_time),
        ("a label that was not known yet at the as-of time", content.label_available_time > as_of),
        ("a label that is not finite", ~np.isfinite(content.label)),
        ("an infinite feature", np.isinf(content.values).any(axis=1)),
    )
    found = [f"feature {name!r} has the name of another column" for name in content.terms.features if name in COLUMNS]
    for rule, broken in rules:
        if broken.any():
            row = int(np.flatnonzero(broken)[0])
            found.append(
                f"{np.count_nonzero(broken):,} rows with {rule}, first {content.symbol[row]} "
                f"at {int(content.event_time[row])} ns"
            )
    return tuple(found)
