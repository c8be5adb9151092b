"""Rules over consecutive days: a value beyond a threshold, for a number of days with data.

A day *with data* whose value meets a rule's condition makes its run one day longer, one that does not ends the run.
A day without enough data neither counts nor resets. A rule fires on the day on which its run reaches ``days``, and
not again before the run has ended: one alert for one spell.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from schemas.alerts import SEVERITIES


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """Fires when ``metric`` is beyond ``threshold`` on the given side (strictly) for ``days`` days with data."""

    name: str
    metric: str
    side: str
    threshold: float
    days: int
    severity: str
    action: str

    def __post_init__(self) -> None:
        if self.side not in ("below", "above"):
            raise ValueError(f"rule {self.name}: side {self.side!r} is neither below nor above")
        if not math.isfinite(self.threshold) or self.days < 1 or self.severity not in SEVERITIES:
            raise ValueError(
                f"rule {self.name}: needs a finite threshold, days of at least 1, and a severity of {SEVERITIES}"
            )

    def holds(self, value: float) -> bool:
        """True if a day's value meets the condition."""
        return value < self.threshold if self.side == "below" else value > self.threshold


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """Days with data in a row that met a rule's condition; ``first`` is the session of the first of them."""

    days: int
    first: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Fired:
    """A rule that fired on ``session``."""

    rule: Rule
    run: Run
    session: int
    value: float


#: Runs by rule name; a rule without an entry has no run.
Runs = Mapping[str, Run]


def apply_rules(
    runs: Runs, session: int, measured: Mapping[str, float], rules: Iterable[Rule]
) -> tuple[Runs, tuple[Fired, ...]]:
    """Take one session's values by metric; a metric that is missing had no (or too little) data on that day.

    >>> rule = Rule(name="shifted", metric="psi", side="above", threshold=0.25, days=2, severity="severe", action="")
    >>> runs, found = apply_rules({}, 7, {"psi": 0.3}, [rule])
    >>> found, runs["shifted"]
    ((), Run(days=1, first=7))
    >>> runs, found = apply_rules(runs, 8, {"psi": 0.4}, [rule])
    >>> [(fired.session, fired.run.days) for fired in found]
    [(8, 2)]
    """
    after = dict(runs)
    found = []
    for rule in rules:
        value = measured.get(rule.metric)
        if value is None:
            continue
        if not rule.holds(value):
            after.pop(rule.name, None)
            continue
        before = runs.get(rule.name)
        run = Run(days=before.days + 1, first=before.first) if before else Run(days=1, first=session)
        after[rule.name] = run
        if run.days == rule.days:
            found.append(Fired(rule=rule, run=run, session=session, value=value))
    return after, tuple(found)
