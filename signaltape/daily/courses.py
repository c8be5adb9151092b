"""The courses behind the report's plots: daily IC with the band of its mean, PSI by feature, equity."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.drift.coefficient_mean import MeanCoefficient, mean_coefficient
from pipeline.drift.metric import DriftMetric

#: Sessions in the running mean of the IC.
RUNNING = 20
_MINIMUM = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """One series over sessions (days since the epoch). ``band``: (session, low, mean, high) of the running mean of the
    IC. ``equity``: cumulated log return, from the first session with one. ``measured``: sessions that have a row."""

    strategy: str
    subject: str
    measured: int
    ic: Sequence[tuple[int, float]]
    band: Sequence[tuple[int, float, float, float]]
    equity: Sequence[tuple[int, float]]


def courses(metrics: Sequence[DriftMetric], sessions: int) -> list[Course]:
    """A course for each series of scores, over its last sessions."""
    about = sorted({(one.strategy, one.subject) for one in metrics if one.subject.startswith("score/")})
    return [_course(metrics, strategy, subject, sessions) for strategy, subject in about]


def _course(metrics: Sequence[DriftMetric], strategy: str, subject: str, sessions: int) -> Course:
    own = [one for one in metrics if (one.strategy, one.subject) == (strategy, subject)]
    ic = _values(own, "ic")
    *_, interval, horizon, _ = subject.split("/")
    overlap = int(horizon) - 1 if interval == "1d" else 0
    running = max(RUNNING, 5 * (overlap + 1))
    band = []
    for end in range(_MINIMUM, len(ic) + 1):
        found = mean_coefficient([value for _, value in ic[max(0, end - running) : end]], overlap=overlap)
        if isinstance(found, MeanCoefficient):
            band.append((ic[end - 1][0], found.low, found.value, found.high))
    total, equity = 0.0, []
    for session, value in _values(own, "pnl")[-sessions:]:
        total = math.fsum((total, value))
        equity.append((session, total))
    measured = len({one.session for one in own})
    return Course(
        strategy=strategy, subject=subject, measured=measured, ic=ic[-sessions:], band=band[-sessions:], equity=equity
    )


def _values(own: Sequence[DriftMetric], metric: str) -> list[tuple[int, float]]:
    return sorted((one.session, one.value) for one in own if one.metric == metric and one.value is not None)


def newest_stability(metrics: Sequence[DriftMetric]) -> dict[tuple[str, str, int], list[tuple[str, float | None]]]:
    """(strategy, model, session) → (feature, PSI) of the newest session, greatest first; None: too little data."""
    rows = [one for one in metrics if one.metric == "feature_psi"]
    newest: dict[tuple[str, str], int] = {}
    for one in rows:
        key = one.strategy, _model(one.subject)
        newest[key] = max(one.session, newest.get(key, one.session))
    found: dict[tuple[str, str, int], list[tuple[str, float | None]]] = {}
    for one in rows:
        strategy, model = one.strategy, _model(one.subject)
        if newest[strategy, model] == one.session:
            name = "/".join(one.subject.split("/")[3:])
            found.setdefault((strategy, model, one.session), []).append((name, one.value))
    return {
        key: sorted(rows, key=lambda row: (row[1] is None, -(row[1] or 0.0), row[0])) for key, rows in found.items()
    }


def _model(subject: str) -> str:
    return subject.split("/")[1]
