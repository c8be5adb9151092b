"""What an operator does about the guard: veto, drill, restore, and a look at it."""

from signaltape.guarding.drill import DrilledStep, NoAnswer, drill_for_real, rehearsal
from signaltape.guarding.errors import GuardError, NoVeto, VetoedAlready
from signaltape.guarding.status import StrategyStatus, status
from signaltape.guarding.vetoes import unveto, veto

__all__ = [
    "DrilledStep",
    "GuardError",
    "NoAnswer",
    "NoVeto",
    "StrategyStatus",
    "VetoedAlready",
    "drill_for_real",
    "rehearsal",
    "status",
    "unveto",
    "veto",
]
