"""Retraining: trigger → dataset as of now → train → validate → compare → register → propose or promote."""

from signaltape.retraining.cycle import run_cycles
from signaltape.retraining.errors import CycleUnderWay, RetrainingError

__all__ = ["CycleUnderWay", "RetrainingError", "run_cycles"]
