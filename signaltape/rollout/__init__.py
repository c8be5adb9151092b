"""Decisions about what is deployed: prepared on every instance, put in force at a bar, seen to arrive.

instances = prepare(settings, ref)
done = activate(settings, action="activate", strategy="alpha", ref=ref, reason="better on last month's bars")
"""

from signaltape.rollout.activation import Activation, activate, issue_and_wait
from signaltape.rollout.errors import (
    EffectiveFromPassed,
    EventRefused,
    NotReceived,
    PreparationFailed,
    RefusedByInference,
    RolloutBusy,
    RolloutError,
    SameBar,
    StateChanged,
)
from signaltape.rollout.preparation import InstanceReadiness, prepare
from signaltape.rollout.seen import Seen

__all__ = [
    "Activation",
    "EffectiveFromPassed",
    "EventRefused",
    "InstanceReadiness",
    "NotReceived",
    "PreparationFailed",
    "RefusedByInference",
    "RolloutBusy",
    "RolloutError",
    "SameBar",
    "Seen",
    "StateChanged",
    "activate",
    "issue_and_wait",
    "prepare",
]
