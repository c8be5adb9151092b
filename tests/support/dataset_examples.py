"""Datasets for tests, without a database."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from infra.feature_store import Knowledge
from pipeline.dataset_content import DatasetContent, DatasetTerms, fingerprint
from pipeline.features import FEATURE_SETS
from pipeline.offline import compute
from producers.bar_table import BarTable
from signaltape.datasets.files import publish, stage
from signaltape.datasets.manifest import Manifest
from signaltape.datasets.reading import LeftOut, Member
from signaltape.datasets.request import DatasetRequest
from signaltape.training.dataset import maturities

T0 = 1_700_000_040 * 1_000_000_000
MINUTE = 60 * 1_000_000_000
#: symbol, bar, features (None where undefined), label
Row = tuple[str, int, tuple[float | None, ...], float]


def terms_of(features: tuple[str, ...] = ("a", "b"), **changed: object) -> DatasetTerms:
    values: dict[str, object] = {
        "feature_set": "core",
        "set_version": 1,
        "set_hash": "hash",
        "features": features,
        "interval": "1m",
        "horizon": 1,
        "knowledge": "ingested",
    }
    return DatasetTerms(**{**values, **changed})  # type: ignore[arg-type]


def content_of(rows: Sequence[Row], terms: DatasetTerms | None = None) -> DatasetContent:
    """Rows of minute bars: features available a second after the close, the label a minute later."""
    chosen = terms_of() if terms is None else terms
    event_time = np.array([T0 + bar * MINUTE for _, bar, _, _ in rows], dtype=np.int64)
    values = [[np.nan if one is None else one for one in features] for _, _, features, _ in rows]
    return DatasetContent(
        terms=chosen,
        symbol=np.array([symbol for symbol, *_ in rows], dtype=object),
        event_time=event_time,
        available_time=event_time + MINUTE // 60,
        values=np.array(values, dtype=np.float64).reshape(len(rows), len(chosen.features)),
        label=np.array([label for *_, label in rows], dtype=np.float64),
        label_event_time=event_time + MINUTE,
        label_available_time=event_time + MINUTE + MINUTE // 60,
    )


def content_of_bars(bars: BarTable) -> DatasetContent:
    """What the database holds of minute bars: all columns of core, labels of one bar, available a second later."""
    table = compute(bars, "1m", "core", horizons=(1,))
    core = FEATURE_SETS["core"]
    matures = maturities(table.symbol, table.event_time, 1)
    whole = DatasetContent(
        terms=terms_of(core.names, set_hash=core.hash, set_version=core.version),
        symbol=table.symbol,
        event_time=table.event_time,
        available_time=table.event_time + MINUTE // 60,
        values=np.where(table.valid, table.values, np.nan),
        label=table.returns[1],
        label_event_time=matures,
        label_available_time=matures + MINUTE // 60,
    )
    return whole.take(np.isfinite(table.returns[1]))


def manifest_of(content: DatasetContent, knowledge: Knowledge = "ingested") -> Manifest:
    """The manifest that a build of this content has."""
    terms = content.terms
    times = {"first_bar": T0, "first_bar_available": T0, "last_bar": T0, "last_bar_available": T0}
    names, counts = np.unique(content.symbol.astype(str), return_counts=True)
    return Manifest(
        fingerprint=fingerprint(content),
        numerics="numerics",
        rows=len(content),
        terms=terms,
        request=DatasetRequest(
            after=T0 - MINUTE,
            until=int(content.event_time.max()),
            as_of=int(content.label_available_time.max()),
            horizon=terms.horizon,
            interval=terms.interval,
            knowledge=knowledge,
        ),
        universe=tuple(
            Member(symbol=name, **times, rows=count)
            for name, count in zip(names.tolist(), counts.tolist(), strict=True)
        ),
        left_out=LeftOut(late=0, unmatured=0, unmatured_symbols=0, holes=0),
        final=True,
        git_sha="",
        built_at="2024-01-01T00:00:00+00:00",
    )


def write(folder: Path, content: DatasetContent) -> Manifest:
    """A whole dataset on disk."""
    manifest = manifest_of(content)
    publish(stage(folder, content, manifest), folder)
    return manifest
