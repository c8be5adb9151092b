"""The policy ``classic`` with its thresholds as far out as a budget of false alarms asks for."""

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.drift.policies.classic import ClassicPolicy
from pipeline.drift.simulation.history import History
from pipeline.drift.simulation.replay import replay

_STEPS = 20


def centres(histories: Sequence[History]) -> Mapping[str, float]:
    """Mean of each metric of the series over healthy histories."""
    return {
        name: float(np.nanmean(np.concatenate([one.values[name] for one in histories]))) for name in histories[0].values
    }


def alarms_a_year(policy: ClassicPolicy, histories: Sequence[History], *, year: int = 252) -> float:
    """Alarms a year over healthy histories."""
    alarms = sum(len(replay(policy, one.reference, one.days()).alarms) for one in histories)
    return alarms * year / sum(len(one.sessions) for one in histories)


def factor_for(
    policy: ClassicPolicy, histories: Sequence[History], *, budget: float = 1.0, most: float = 4096.0
) -> float:
    """Smallest factor (by bisection, to 3 %) beyond which ``policy.scaled`` keeps the budget on healthy histories.

    1 where the policy keeps it as it is. Raises ValueError where ``most`` is not enough.
    """
    middle = centres(histories)
    if alarms_a_year(policy, histories) <= budget:
        return 1.0
    if alarms_a_year(policy.scaled(most, middle), histories) > budget:
        raise ValueError(
            f"policy {policy.name} raises more than {budget:g} alarms a year even {most:g} times as far out"
        )
    low, high = 1.0, most
    for _ in range(_STEPS):
        between = (low * high) ** 0.5
        if high / low < 1.03:
            break
        if alarms_a_year(policy.scaled(between, middle), histories) > budget:
            low = between
        else:
            high = between
    return high
