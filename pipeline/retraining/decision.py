"""From triggers to one decision: make a model, or don't, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.retraining.facts import Trigger
from pipeline.retraining.rules import RetrainingRules
from schemas.intervals import DAY


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """``run``: make a model. ``quiet``: nothing fired. ``held``: something fired, and it is too early."""

    action: Literal["run", "quiet", "held"]
    reason: str


def decide(
    triggers: Sequence[Trigger], *, forced: str, now: int, last_made: int | None, rules: RetrainingRules
) -> Decision:
    """Decide about one cycle at ``now`` (ns UTC).

    ``forced``: an operator's reason, empty for none; it needs no trigger and no cool-down. ``last_made``: when a cycle
    last made a model, None if none did: until its model is live, what it was made for goes on firing.
    """
    if forced:
        return Decision(action="run", reason=f"forced: {forced}")
    fired = [one for one in triggers if one.fired]
    if not fired:
        unsure = [one.name for one in triggers if one.verdict == "insufficient"]
        said = f"; too little data for {', '.join(unsure)}" if unsure else ""
        return Decision(action="quiet", reason=f"no trigger fired{said}")
    reason = "; ".join(f"{one.name}: {one.detail}" for one in fired)
    if last_made is not None and (waited := (now - last_made) / DAY) < rules.cooldown_days:
        early = f"a model was made {waited:.1f} days ago, the next is due after {rules.cooldown_days:g}"
        return Decision(action="held", reason=f"{early} ({reason})")
    return Decision(action="run", reason=reason)
