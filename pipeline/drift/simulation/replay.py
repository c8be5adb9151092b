"""A policy over a history: which rules fired when."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pipeline.drift.day import SeriesDay
from pipeline.drift.policies.finding import Finding, Policy
from pipeline.drift.training_reference import TrainingReference


@dataclass(frozen=True, kw_only=True, slots=True)
class Alarm:
    """A rule that fired on a session, and what it is about: a metric, or the features' names."""

    session: int
    rule: str
    about: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Replayed:
    """Alarms in order, and the watch's state before the session that was asked for (None: not reached)."""

    alarms: tuple[Alarm, ...]
    state: Any


def replay(
    policy: Policy,
    reference: TrainingReference,
    days: Iterable[SeriesDay],
    *,
    state: Any = None,
    keep: int | None = None,
) -> Replayed:
    """Let a policy watch ``days``; ``state``: of an earlier replay, to go on from; ``keep``: session before which the
    state is kept.
    """
    watch = policy.watch(reference)
    if state is not None:
        watch.restore(state)
    alarms: list[Alarm] = []
    kept = None
    for day in days:
        if keep is not None and kept is None and day.session >= keep:
            kept = watch.snapshot()
        alarms += [_alarm(found) for found in watch.look(day)]
    return Replayed(alarms=tuple(alarms), state=kept)


def _alarm(found: Finding) -> Alarm:
    about = tuple(one.name for one in found.members) or (found.metric,)
    return Alarm(session=found.session, rule=found.rule, about=about)
