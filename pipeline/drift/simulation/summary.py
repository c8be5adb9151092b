"""What the trials of many models say about a policy."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.drift.simulation.faults import parse_fault
from pipeline.drift.simulation.trial import A_YEAR, Noticed, Trial

#: Hours that looking into one alarm takes.
REVIEW_HOURS = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class FaultSummary:
    """Delays in sessions (None: that part was not noticed within a year).

    ``anyway``: share of healthy twins with an alarm within the median delay, or within a year where there is no
    median. ``lost``: mean sessions of IC lost before the alarm, at most a year: delay times the share of the IC that
    the fault takes.
    """

    models: int
    median: float | None
    ninety: float | None
    within_a_year: float
    anyway: float
    lost: float
    by: Mapping[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """Alarms a year while nothing is wrong, with the standard error over models (None for one), and by rule."""

    policy: str
    models: int
    model_years: float
    alarms: float
    error: float | None
    by_rule: Mapping[str, float]
    review_hours: float
    faults: Mapping[str, FaultSummary]
    delays: Mapping[str, tuple[int | None, ...]]


def summarise(policy: str, trials: Sequence[Trial], *, years: float) -> Summary:
    """Sum up at least one trial of ``years`` each."""
    n = len(trials)
    rates = [len(one.alarms) / years for one in trials]
    mean = math.fsum(rates) / n
    variance = math.fsum((rate - mean) ** 2 for rate in rates) / max(n - 1, 1)
    rules = Counter(alarm.rule for one in trials for alarm in one.alarms)
    faults = {name: [one.faults[name] for one in trials] for name in trials[0].faults}
    return Summary(
        policy=policy,
        models=n,
        model_years=n * years,
        alarms=mean,
        error=math.sqrt(variance / n) if n > 1 else None,
        by_rule={rule: count / (n * years) for rule, count in sorted(rules.items())},
        review_hours=mean * REVIEW_HOURS,
        faults={name: _fault(name, noticed) for name, noticed in faults.items()},
        delays={name: tuple(one.delay for one in noticed) for name, noticed in faults.items()},
    )


def _fault(name: str, noticed: Sequence[Noticed]) -> FaultSummary:
    n = len(noticed)
    median = _quantile([one.delay for one in noticed], 0.5)
    limit = A_YEAR if median is None else median
    undetected = math.fsum(A_YEAR if one.delay is None else one.delay for one in noticed) / n
    return FaultSummary(
        models=n,
        median=median,
        ninety=_quantile([one.delay for one in noticed], 0.9),
        within_a_year=sum(one.delay is not None for one in noticed) / n,
        anyway=sum(one.anyway is not None and one.anyway <= limit for one in noticed) / n,
        lost=undetected * parse_fault(name)[0].lost,
        by=dict(Counter(one.by for one in noticed if one.by).most_common()),
    )


def _quantile(delays: Sequence[int | None], share: float) -> float | None:
    """Smallest delay within which that share was noticed."""
    ordered = sorted(math.inf if one is None else one for one in delays)
    value = ordered[max(math.ceil(share * len(ordered)) - 1, 0)]
    return None if math.isinf(value) else float(value)
