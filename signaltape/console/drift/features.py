"""The features that a series' model reads: PSI of all over time, and one of them with its bands and histogram."""

from typing import Any

import numpy as np

from infra.warehouse.connection import Connection
from infra.warehouse.console_drift import FeaturePoint, Point, Whose, course, feature_course, one_feature
from infra.warehouse.drift_rounds import training_reference
from infra.warehouse.moments import to_nanoseconds
from pipeline.drift.bands import Bands
from pipeline.drift.coarse_bins import coarse
from pipeline.drift.results import Insufficient
from pipeline.drift.series import Series, series_of_subject
from pipeline.drift.shape import SHAPE
from pipeline.drift.training_reference import TrainingReference
from pipeline.feature_stats import EDGES
from schemas.fields import F8Array, I8Array
from schemas.intervals import session_end
from signaltape.console.drift.agent_state import AgentState
from signaltape.serving.errors import ServingError

#: Cells of a heat map; of more, the oldest sessions are left out.
MOST_CELLS = 20_000
MOST_SESSIONS = 250
#: Name under which the score stands among the features.
SCORE = "score"


def heat_map(connection: Connection, whose: Whose, days: int) -> dict[str, Any]:
    """PSI of each feature (rows, those that moved most first) on each session (columns); null: insufficient."""
    series = series_of_subject(whose.strategy, whose.subject)
    extent = course(connection, whose, ("ic",), min(days, MOST_SESSIONS))
    found: list[FeaturePoint] = []
    if extent:
        prefix = f"feature/{series.model}:{series.version}/"
        rows = feature_course(connection, whose.strategy, prefix, extent[0].session, extent[-1].session)
        found = [row for row in rows if row.subject.split("/", 4)[3] == series.interval]
    names = sorted({row.subject for row in found})
    sessions = sorted({row.session for row in found})
    kept = sessions[-max(1, MOST_CELLS // max(1, len(names))) :]
    place = {session: at for at, session in enumerate(kept)}
    table: dict[str, list[float | None]] = {name: [None] * len(kept) for name in names}
    chance: dict[str, float | None] = dict.fromkeys(names)
    size: dict[str, int] = dict.fromkeys(names, 0)
    for row in found:
        if row.session in place:
            table[row.subject][place[row.session]] = row.value
            chance[row.subject], size[row.subject] = row.chance, row.sample_size
    order = sorted(names, key=lambda name: (-_newest(table[name]), name))
    features = [
        {"name": name.split("/", 4)[4], "psi": table[name], "chance": chance[name], "size": size[name]}
        for name in order
    ]
    truncated = len(kept) < len(sessions) or (days > MOST_SESSIONS and len(extent) >= MOST_SESSIONS)
    return {
        "sessions": [to_nanoseconds(one) for one in kept],
        "features": features,
        "truncated": truncated,
        "limit": len(kept),
    }


def _newest(values: list[float | None]) -> float:
    return next((value for value in reversed(values) if value is not None), -1.0)


def feature_detail(connection: Connection, whose: Whose, name: str, days: int, state: AgentState) -> dict[str, Any]:
    """One feature, or the score: PSI, shape and their bands over time; the training sample's histogram and today's.

    Raises ServingError (``unknown_feature``) for one that was never measured.
    """
    series = series_of_subject(whose.strategy, whose.subject)
    reference = training_reference(connection, series.model, series.version)
    extent = course(connection, whose, ("psi",), days)
    if not extent:
        return _empty(name)
    if name == SCORE:
        return _score(name, extent, reference)
    points = _points(connection, whose.strategy, series, name, extent)
    if not points:
        raise ServingError("unknown_feature", f"no PSI of a feature {name:.80} is stored for this model", "feature")
    features = reference.features
    at = features.names.index(name) if features is not None and name in features.names else None
    bands = features.bands if features is not None else None
    return {
        **_over_time(name, points),
        "shape": _shape(points),
        "bands": _bands(bands, at),
        "histogram": None if features is None or at is None else _histogram(features.counts[at], series, name, state),
    }


def _empty(name: str) -> dict[str, Any]:
    return {"feature": name, "sessions": [], "psi": [], "sizes": [], "chance": [], "ks_p": [], "verdicts": [],
            "reasons": [], "shape": {}, "bands": None, "histogram": None}  # fmt: skip


def _points(connection: Connection, strategy: str, series: Series, name: str, extent: list[Point]) -> list[Point]:
    prefix, since = f"feature/{series.model}:{series.version}/", extent[0].session
    subjects = {
        row.subject
        for row in feature_course(connection, strategy, prefix, since, extent[-1].session)
        if row.subject.split("/", 4)[3:] == [series.interval, name]
    }
    return [
        point
        for subject in sorted(subjects)
        for point in one_feature(connection, Whose(strategy=strategy, subject=subject), since)
    ]


def _over_time(name: str, points: list[Point]) -> dict[str, Any]:
    return {
        "feature": name,
        "sessions": [to_nanoseconds(one.session) for one in points],
        "psi": [one.value for one in points],
        "sizes": [one.sample_size for one in points],
        "verdicts": [one.verdict for one in points],
        "chance": [one.detail.get("chance") for one in points],
        "ks_p": [one.detail.get("ks_p") for one in points],
        "reasons": [one.detail.get("reason") for one in points],
    }


def _shape(points: list[Point]) -> dict[str, list[float | None]]:
    """Columns location, spread, churn."""
    rows = [one.detail.get("shape") or [None] * len(SHAPE) for one in points]
    return {name: [row[at] for row in rows] for at, name in enumerate(SHAPE)}


def _bands(bands: Bands | Insufficient | None, at: int | None) -> dict[str, Any] | None:
    """What is normal for each number of the shape: [low, high]."""
    if isinstance(bands, Insufficient):
        return {"reason": bands.reason, "n": bands.n, "minimum": bands.minimum}
    if bands is None or at is None:
        return None
    return {name: [float(bands.low[at, of]), float(bands.high[at, of])] for of, name in enumerate(SHAPE)}


def _score(name: str, extent: list[Point], reference: TrainingReference) -> dict[str, Any]:
    """The counts of every session's scores are stored: the histogram is that of the newest session with any."""
    newest = next((one for one in reversed(extent) if one.value is not None and "counts" in one.detail), None)
    sketch, histogram = reference.sketch, None
    if newest is not None and sketch is not None and len(sketch.counts) == len(newest.detail["counts"]):
        histogram = _shares(np.array(sketch.counts), np.array(newest.detail["counts"]), np.array(sketch.edges))
        histogram["session"] = to_nanoseconds(newest.session)
        histogram["of"] = "scores of the newest session that has a PSI"
    return {
        **_over_time(name, extent),
        "shape": {},
        "bands": _bands(reference.score, 0),
        "histogram": histogram,
    }


def _histogram(counts: I8Array, series: Series, name: str, state: AgentState) -> dict[str, Any] | None:
    """The reference over ten joined bins, as PSI is taken, beside the agent's newest counts."""
    held = next(
        (
            one
            for (_, _, interval), one in (state.sets or {}).items()
            if interval == series.interval and name in one.names and one.counts.shape[1] == len(counts)
        ),
        None,
    )
    if held is None:
        return None
    now = held.counts[held.names.index(name)]
    tables, edges = [table[0] for table in coarse(counts[None, :], now[None, :])], _edges(counts)
    used = int(np.flatnonzero(tables[0][:-1]).max(initial=0))  # a reference of few values fills fewer joined bins
    before, after = (np.append(table[: used + 1], table[-1]) for table in tables)
    made = _shares(before, after, edges[: used + 1])
    made["session"] = None if held.session is None else session_end(held.session)
    made["of"] = "the open session so far" if held.session is not None else "the session that closed last"
    return made


def _edges(counts: I8Array) -> F8Array:
    """Inner edges of the twelve joined bins: where the bins that ``coarse`` puts together end."""
    single = np.eye(len(counts), dtype=np.int64)
    joined = coarse(np.broadcast_to(counts, single.shape), single)[1]
    places = np.argmax(joined, axis=1)
    above = np.searchsorted(places, np.arange(joined.shape[1] - 1), side="right")  # first bin behind each joined one
    result: F8Array = EDGES[np.clip(above, 1, len(EDGES)) - 1]
    return result


def _shares(before: I8Array, after: I8Array, edges: F8Array) -> dict[str, Any]:
    total, now = int(before.sum()), int(after.sum())
    return {
        "edges": edges.tolist(),
        "reference": (before / max(total, 1)).tolist(),
        "now": (after / max(now, 1)).tolist(),
        "reference_size": total,
        "now_size": now,
    }
