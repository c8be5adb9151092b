"""All tests of a model, in one table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from infra.scoring.errors import ScoringFault
from infra.scoring.golden import GoldenVectors
from infra.scoring.numerics import host_fingerprint
from infra.scoring.scorer import Scorer
from infra.scoring.session import F4Array
from schemas.fields import F8Array, I8Array
from signaltape.model_tests import behaviour, invariance, latency, reliability
from signaltape.model_tests.limits import Limits
from signaltape.model_tests.report import ModelTestReport, Outcome, Verdict
from signaltape.model_tests.stopwatch import Stopwatch
from signaltape.model_tests.subject import Subject


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Evidence:
    """What came true of each row: ``y`` float64 (n,), log return over the horizon; ``event_time`` int64 (n,), ns UTC.

    Rows that the model has not learnt from: else the confidence looks better than it is.
    """

    y: F8Array
    event_time: I8Array


#: Name → test, in the order of the report.
TESTS: Mapping[str, Callable[[Subject], Outcome]] = {
    "shape": behaviour.shape,
    "range": behaviour.score_range,
    "consistency": behaviour.consistency,
    "golden": behaviour.golden,
    "latency": latency.latency,
    "irrelevant": invariance.irrelevant_columns,
    "stability": invariance.stability,
    "reliability": reliability.reliability,
}


def run_model_tests(
    scorer: Scorer,
    rows: F4Array,
    golden: GoldenVectors,
    *,
    evidence: Evidence | None = None,
    invented: bool = False,
    limits: Limits | None = None,
    seed: int = 1,
    stopwatch: Stopwatch | None = None,
) -> ModelTestReport:
    """Test a loaded model on ``rows``, float32 (n, inputs), NaN where undefined; n ≥ 1.

    ``evidence`` belongs to the rows; without it the confidence can't be tested, and the report says so. ``invented``:
    the rows are not from a market, so that the size of scores means nothing.
    A model call that gives nothing usable fails the test in which it happens; it raises nothing.
    """
    if len(rows) == 0:
        raise ValueError("a model can't be tested on no rows")
    chosen = Limits() if limits is None else limits
    subject = Subject(
        scorer=scorer,
        rows=rows,
        sample=rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), chosen.sample)).astype(np.int64))],
        golden=golden,
        y=None if evidence is None else evidence.y,
        event_time=None if evidence is None else evidence.event_time,
        limits=chosen,
        invented=invented,
        seed=seed,
        stopwatch=stopwatch or Stopwatch(),
    )
    return ModelTestReport(
        model=scorer.manifest.name,
        sha256=scorer.manifest.sha256,
        numerics=host_fingerprint(),
        rows=len(rows),
        seed=seed,
        tests=tuple(_made(name, test, subject) for name, test in TESTS.items()),
    )


def _made(name: str, test: Callable[[Subject], Outcome], subject: Subject) -> Outcome:
    try:
        return test(subject)
    except ScoringFault as fault:
        return Outcome(name=name, verdict=Verdict.FAILED, detail=str(fault))
