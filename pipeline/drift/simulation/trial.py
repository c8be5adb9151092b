"""One simulated model under several policies: alarms while nothing is wrong, and how soon faults are noticed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.drift.policies.finding import Policy
from pipeline.drift.simulation.faults import Fault, broken, parse_fault
from pipeline.drift.simulation.replay import Alarm, replay
from pipeline.drift.simulation.scenario import Scenario
from pipeline.drift.simulation.world import FIRST, world

#: Sessions after a fault within which it must be noticed.
A_YEAR = 252


@dataclass(frozen=True, kw_only=True, slots=True)
class Noticed:
    """Sessions seen with the fault until the first alarm, that one included; None: not within a year.

    ``by``: the rule. ``anyway``: the same for the model's healthy twin, which shows what chance alone does.
    """

    delay: int | None
    by: str
    anyway: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One model under one policy: ``alarms`` of its healthy history, and each fault, by its text."""

    alarms: tuple[Alarm, ...]
    faults: Mapping[str, Noticed]


def strike(scenario: Scenario, number: int) -> int:
    """Live session at which the faults of a model strike: in the second quarter, another one for each model."""
    quarter = max(scenario.sessions // 4, 1)
    return quarter + number * 37 % quarter


def trial(
    scenario: Scenario, seed: int, number: int, policies: Sequence[Policy], faults: Sequence[str]
) -> tuple[Trial, ...]:
    """Try the ``number``-th model of a seed under each policy; every fault strikes a copy of the same history."""
    drawn = world(scenario, seed, number)
    at = strike(scenario, number)
    healthy = drawn.history()
    parsed = {text: parse_fault(text) for text in faults}
    struck = {
        text: drawn.history(broken(drawn, fault, feature, at, A_YEAR), start=at, length=A_YEAR)
        for text, (fault, feature) in parsed.items()
    }
    trials = []
    for policy in policies:
        whole = replay(policy, drawn.reference, healthy.days(), keep=FIRST + at)
        noticed = {}
        for text, history in struck.items():
            begin = FIRST + at + _unseen(parsed[text][0], scenario)
            found = replay(policy, drawn.reference, history.days(), state=whole.state).alarms
            first = next((alarm for alarm in found if alarm.session >= begin), None)
            twin = next((one for one in whole.alarms if begin <= one.session < FIRST + at + A_YEAR), None)
            noticed[text] = Noticed(
                delay=None if first is None else first.session - begin + 1,
                by="" if first is None else first.rule,
                anyway=None if twin is None else twin.session - begin + 1,
            )
        trials.append(Trial(alarms=whole.alarms, faults=noticed))
    return tuple(trials)


def _unseen(fault: Fault, scenario: Scenario) -> int:
    """Sessions after a fault whose labels still began before it."""
    return scenario.horizon - 1 if fault.labels else 0
