"""From a paired comparison to promote, review or reject, with reasons in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.comparison.bootstrap import FEWEST_BLOCKS
from pipeline.comparison.paired import COMPARED, Difference, Paired

Decision = Literal["promote", "review", "reject"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparisonRules:
    """When a challenger is taken.

    ``primary``: the metric that decides. ``confidence`` of every interval. ``minimum_gain``: what the primary must gain
    at the least, with that confidence. ``tolerated_percent``: another metric may be worse by less than so many percent
    of the champion's. ``minimum_rows``: fewer decide nothing.
    """

    primary: str = "rank_ic"
    confidence: float = 0.95
    minimum_gain: float = 0.0
    tolerated_percent: float = 1.0
    minimum_rows: int = 1_000

    def __post_init__(self) -> None:
        for ok, rule in (
            (self.primary in COMPARED, f"primary {self.primary!r} is not one of {', '.join(COMPARED)}"),
            (0.5 <= self.confidence < 1.0, f"confidence {self.confidence} must lie in [0.5, 1)"),
            (self.minimum_gain >= 0.0, f"minimum_gain {self.minimum_gain} must not be negative"),
            (self.tolerated_percent >= 0.0, f"tolerated_percent {self.tolerated_percent} must not be negative"),
            (self.minimum_rows >= 1, f"minimum_rows {self.minimum_rows} must be at least 1"),
        ):
            if not ok:
                raise ValueError(rule)


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What a comparison comes to. ``improvements`` and ``regressions`` count metrics by the sign of their difference,
    ``certain_…`` those of them whose interval leaves 0 out."""

    decision: Decision
    reasons: tuple[str, ...]
    improvements: int = 0
    regressions: int = 0
    certain_improvements: int = 0
    certain_regressions: int = 0


NO_CHAMPION = Verdict(
    decision="promote", reasons=("no model is live for this strategy: there is nothing to compare with",)
)


def judge(paired: Paired, rules: ComparisonRules, doubts: Sequence[str] = ()) -> Verdict:
    """Return the verdict; with ``doubts`` about the rows (a model may have learnt from them) it is review at best.

    reject: the primary metric is worse beyond chance, or nothing is better and another metric is worse beyond chance
    and tolerance. promote: the primary is better beyond chance, and no other metric is worse beyond both. review: all
    else, too little data included; the reasons say which.
    """
    decision, reasons = _decide(paired, rules)
    if doubts and decision == "promote":
        decision = "review"
    outcomes = [one.outcome for one in paired.differences]
    return Verdict(
        decision=decision,
        reasons=(*reasons, *doubts),
        improvements=sum(one.gain > 0.0 for one in paired.differences),
        regressions=sum(one.gain < 0.0 for one in paired.differences),
        certain_improvements=outcomes.count("improved"),
        certain_regressions=outcomes.count("regressed"),
    )


def _decide(paired: Paired, rules: ComparisonRules) -> tuple[Decision, list[str]]:
    if lacking := _too_little(paired, rules):
        return "review", [lacking]
    primary = paired.of(rules.primary)
    if primary is None:
        return "review", [f"{rules.primary} can't be computed on these rows for one of the two models"]
    bounds = primary.gain_bounds
    if bounds is None:
        return "review", [f"{rules.primary} has no interval on these rows"]
    others = [one for one in paired.differences if one.metric != rules.primary]
    worse = [one for one in others if one.outcome == "regressed" and _beyond(one, rules)]
    said = [_words(primary), *(_words(one) for one in worse)]
    if bounds[1] < 0.0:
        return "reject", said
    if bounds[0] > rules.minimum_gain:
        return ("review" if worse else "promote"), said
    if bounds[0] > 0.0:
        return "review", [*said, f"a gain of at least {rules.minimum_gain:g} was asked for"]
    if worse and not any(one.outcome == "improved" for one in others):
        return "reject", said
    return "review", [
        *said,
        f"on these rows a gain of about {(bounds[1] - bounds[0]) / 2:.4g} could be told from chance",
    ]


def _too_little(paired: Paired, rules: ComparisonRules) -> str:
    if paired.rows < rules.minimum_rows:
        return f"{paired.rows:,} rows are too few to decide on, needed are {rules.minimum_rows:,}"
    if not paired.blocks.enough:
        blocks = paired.blocks
        return (
            f"{blocks.times:,} prediction times make {blocks.count} blocks of {blocks.length}, needed are "
            f"{FEWEST_BLOCKS}: labels overlap within a block, so there are too few independent observations"
        )
    return ""


def _beyond(one: Difference, rules: ComparisonRules) -> bool:
    """Worse by more than is tolerated; any loss counts against a champion at 0."""
    return one.percent is None or abs(one.percent) > rules.tolerated_percent


def _words(one: Difference) -> str:
    told = {"improved": "better", "regressed": "worse", "undecided": "not told apart"}[one.outcome]
    share = "" if one.percent is None else f", {one.percent:+.1f} %"
    return (
        f"{one.metric} {told}: {one.champion:+.5f} -> {one.challenger:+.5f} ({one.difference:+.5f}{share}; "
        f"interval {one.low:+.5f} to {one.high:+.5f})"
    )
