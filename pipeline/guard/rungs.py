"""The rungs of the ladder: what each would do now, or why it can't."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from pipeline.deployments import ModelRef
from pipeline.guard.policy import GuardPolicy
from pipeline.guard.state import InForce


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """What a step puts into ``control``; ``words`` say it. ``replaces``: the model that a swap takes out."""

    rung: str
    action: str
    words: str
    model: ModelRef | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    replaces: ModelRef | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """``out``: models that the guard took out in this trouble; none of them comes back by itself."""

    strategy: str
    now: InForce
    policy: GuardPolicy
    out: frozenset[ModelRef] = frozenset()


def derisk(situation: Situation) -> Effect | str:
    """Halve the position scale: half of the smallest one in force for any of the strategy's symbols.

    So no position grows, also where single symbols have a scale of their own, which this one replaces.
    """
    scale = situation.now.least_scale(situation.strategy)
    half = scale / 2.0
    if scale == 0.0:
        return "position_scale is 0 already"
    if half < situation.policy.minimum_scale:
        return f"position_scale is {scale:g}: half of it is below the minimum of {situation.policy.minimum_scale:g}"
    return Effect(
        rung="derisk",
        action="position_scale",
        words=f"position_scale of {situation.strategy} from {scale:g} to {half:g}",
        parameters={"scale": half},
    )


def fallback(situation: Situation) -> Effect | str:
    """Put the model that was named for this in the place of the live one."""
    live, model = situation.now.live(situation.strategy), situation.policy.fallbacks.get(situation.strategy)
    if model is None:
        return f"no fallback model is set for {situation.strategy} (guard.fallbacks)"
    if why := _unfit(situation, model):
        return f"fallback model {model} {why}"
    return Effect(
        rung="fallback", action="activate", words=f"{model} in the place of {live}", model=model, replaces=live
    )


def rollback(situation: Situation) -> Effect | str:
    """Go back to the newest model before the live one that the guard has not taken out itself."""
    line = situation.now.of(situation.strategy)
    reasons = []
    for model in dict.fromkeys(reversed(line.line[:-1])):
        if model == situation.policy.fallbacks.get(situation.strategy):
            continue
        if not (why := _unfit(situation, model)):
            words = f"back to {model}, from {line.live}"
            return Effect(rung="rollback", action="rollback", words=words, model=model, replaces=line.live)
        if model != line.live:
            reasons.append(f"{model} {why}")
    told = f": {'; '.join(reasons)}" if reasons else f", {line.live} is the first model"
    return f"nothing to roll back to{told}"


def pause(situation: Situation) -> Effect | str:
    """Stop the strategy's signals; predictions go on."""
    return Effect(rung="pause", action="pause", words=f"no signals of {situation.strategy} until it is resumed")


def _unfit(situation: Situation, model: ModelRef) -> str:
    if model == situation.now.live(situation.strategy):
        return "is live already"
    if model in situation.out:
        return "was taken out by the guard in this trouble"
    if model not in situation.now.registered:
        return "is not registered, or was removed"
    why = situation.now.unloadable.get(model)
    return "" if why is None else f"can't be loaded: {why}"


#: Rung → what it would do.
RULES: Mapping[str, Callable[[Situation], Effect | str]] = MappingProxyType(
    {"derisk": derisk, "fallback": fallback, "rollback": rollback, "pause": pause}
)
