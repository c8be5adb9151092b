"""Policy ``classic``: fixed thresholds and rules over consecutive days, as many desks run them.

Simple and widely known, and loud: with 50 names and a true IC of 0.04, a day's IC is below 0.01 on 42 % of days.

A day *with data* whose value meets a rule's condition makes its run one day longer, one that does not ends the run.
A day without enough data neither counts nor resets. A rule fires on the day on which its run reaches ``days``, and
not again before the run has ended: one alert for one spell.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

POLICY = "classic"


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

    def holds(self, value: float) -> bool:
        """True if a day's value meets the condition."""
        return value < self.threshold if self.side == "below" else value > self.threshold


# fmt: off
#: Every rule of the policy that this version has data for.
RULES = (
    Rule(name="ic_low_5_days", metric="ic", side="below", threshold=0.02, days=5,
         severity="warning", action="check the features"),
    Rule(name="ic_very_low", metric="ic", side="below", threshold=0.01, days=1,
         severity="severe", action="halve the position and diagnose"),
    Rule(name="ic_negative_3_days", metric="ic", side="below", threshold=0.0, days=3,
         severity="urgent", action="pause and review"),
    Rule(name="psi_moved", metric="psi", side="above", threshold=0.10, days=1,
         severity="warning", action="watch"),
    Rule(name="psi_shifted", metric="psi", side="above", threshold=0.25, days=1,
         severity="severe", action="retrain"),
)
# fmt: on


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """Days with data in a row that met a rule's condition; ``first`` is the session of the first of them."""

    days: int
    first: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """A rule that fired on ``session``."""

    rule: Rule
    run: Run
    session: int
    value: float


#: Runs by rule name; a rule without an entry has no run.
Runs = Mapping[str, Run]


def apply_rules(
    runs: Runs, session: int, measured: Mapping[str, float], rules: Iterable[Rule] = RULES
) -> tuple[Runs, tuple[Finding, ...]]:
    """Take one session's values by metric; a metric that is missing had no (or too little) data on that day.

    >>> runs, found = apply_rules({}, 7, {"psi": 0.3})
    >>> [finding.rule.name for finding in found]
    ['psi_moved', 'psi_shifted']
    >>> runs, found = apply_rules(runs, 8, {"psi": 0.3})
    >>> found, runs["psi_moved"]
    ((), Run(days=2, first=7))
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
            found.append(Finding(rule=rule, run=run, session=session, value=value))
    return after, tuple(found)


def coefficient_band(value: float) -> str:
    """Band of a day's information coefficient.

    >>> [coefficient_band(v) for v in (0.051, 0.05, 0.02, 0.019, 0.01, 0.009, 0.0, -0.001)]
    ['excellent', 'good', 'good', 'watch', 'watch', 'critical', 'critical', 'suspect']
    """
    if value > 0.05:
        return "excellent"
    for least, band in ((0.02, "good"), (0.01, "watch"), (0.0, "critical")):
        if value >= least:
            return band
    return "suspect"


def stability_band(value: float) -> str:
    """Band of a population stability index.

    >>> [stability_band(v) for v in (0.0, 0.1, 0.11, 0.25, 0.26)]
    ['stable', 'stable', 'moved', 'moved', 'shifted']
    """
    if value > 0.25:
        return "shifted"
    return "moved" if value > 0.10 else "stable"
