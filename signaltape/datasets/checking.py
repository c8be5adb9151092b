"""Whether a dataset is still what its manifest says, and where two contents first differ."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from infra.feature_store.pairs import text
from pipeline.dataset_content import COLUMNS, DatasetContent, canonical, fingerprint, leaks
from signaltape.datasets.errors import DatasetError
from signaltape.datasets.files import DATA_FILE, read_content, read_manifest
from signaltape.datasets.manifest import Manifest


@dataclass(frozen=True, kw_only=True, eq=False)
class CheckedDataset:
    """A dataset whose content has the fingerprint of its manifest."""

    manifest: Manifest
    content: DatasetContent


def open_dataset(folder: Path) -> CheckedDataset:
    """Read a dataset and recompute its fingerprint, rows and symbols; DatasetError naming what doesn't match."""
    manifest = read_manifest(folder)
    content = read_content(folder, manifest.terms)
    place = folder / DATA_FILE
    try:
        found = fingerprint(content)
    except ValueError as error:
        raise DatasetError(f"{place}: {error}; build the dataset again") from error
    if found != manifest.fingerprint:
        raise DatasetError(
            f"{place}: its content has the fingerprint {found}, the manifest says {manifest.fingerprint}: one of the "
            "two was changed since; build the dataset again"
        )
    names, counts = np.unique(content.symbol.astype(str), return_counts=True)
    said = {member.symbol: member.rows for member in manifest.universe if member.rows}
    if len(content) != manifest.rows or dict(zip(names.tolist(), counts.tolist(), strict=True)) != said:
        raise DatasetError(f"{folder}: the manifest's counts of rows or symbols are not those of the content")
    if broken := leaks(content, manifest.request.as_of):
        raise DatasetError(f"{folder} holds what could not be known: {'; '.join(broken)}")
    return CheckedDataset(manifest=manifest, content=content)


def first_difference(kept: DatasetContent, now: DatasetContent) -> str | None:
    """The first row and column in which two contents differ, for people; None if they are equal."""
    if fingerprint(kept) == fingerprint(now):
        return None
    if kept.terms != now.terms:
        return f"the columns have another meaning: {kept.terms} was, {now.terms} is"
    ours, theirs = canonical(kept), canonical(now)
    row = _first_row(ours, theirs)
    at = [(one.symbol[row], int(one.event_time[row])) if row < len(one) else None for one in (ours, theirs)]
    symbol, event_time = min(key for key in at if key is not None)
    if at[0] != at[1]:
        only = "the database" if at[1] == (symbol, event_time) else "the dataset"
        return f"{symbol} at {text(event_time)} is in {only} only"
    columns = [(name, getattr(ours, name)[row], getattr(theirs, name)[row]) for name in COLUMNS[2:]]
    columns += [(name, ours.values[row, at], theirs.values[row, at]) for at, name in enumerate(ours.terms.features)]
    name, was, is_now = next(one for one in columns if not _same(one[1], one[2]))
    return f"{symbol} at {text(event_time)}: {name} was {was}, is {is_now} in the database"


def _first_row(ours: DatasetContent, theirs: DatasetContent) -> int:
    """The first row that isn't in both; the length of the shorter one if it is the beginning of the other."""
    size = min(len(ours), len(theirs))
    same = np.ones(size, dtype=bool)
    for name in COLUMNS:
        same &= _same(getattr(ours, name)[:size], getattr(theirs, name)[:size])
    same &= _same(ours.values[:size], theirs.values[:size]).all(axis=1)
    return size if same.all() else int(np.argmin(same))


def _same(was: Any, now: Any) -> Any:
    """Equal, or both NaN; elementwise."""
    return (was == now) | ((was != was) & (now != now))
