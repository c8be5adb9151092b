"""What a test of a model is given, and how it says what it found."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.scoring.golden import GoldenVectors
from infra.scoring.scorer import Scorer
from infra.scoring.session import F4Array
from schemas.fields import F8Array, I8Array
from signaltape.model_tests.limits import Limits
from signaltape.model_tests.report import Outcome, Verdict
from signaltape.model_tests.stopwatch import Stopwatch


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Subject:
    """A model and its rows: ``rows`` float32 (n, inputs), ``sample`` some of them, ``y`` and ``event_time`` (n,).

    ``invented``: the rows are drawn, not seen in any market, so that the size of a score means nothing."""

    scorer: Scorer
    rows: F4Array
    sample: F4Array
    golden: GoldenVectors
    y: F8Array | None
    event_time: I8Array | None
    limits: Limits
    invented: bool
    seed: int
    stopwatch: Stopwatch


def decided(
    name: str, ok: bool, detail: str, value: float | None = None, limit: float | None = None, **figures: Any
) -> Outcome:
    """Passed if ``ok``, else failed."""
    measured: Mapping[str, Any] = figures
    verdict = Verdict.PASSED if ok else Verdict.FAILED
    return Outcome(name=name, verdict=verdict, detail=detail, value=value, limit=limit, figures=measured)


def not_applicable(name: str, detail: str) -> Outcome:
    """Nothing to test on."""
    return Outcome(name=name, verdict=Verdict.NOT_APPLICABLE, detail=detail)
