"""Why there is no new model. The live one is untouched."""

from infra.errors import OperatorError


class RetrainingError(OperatorError):
    """A cycle can't be run as asked; the message says why and what to do."""


class CycleUnderWay(RetrainingError):
    """Another process runs a cycle: one at a time."""


class StageStopped(OperatorError):
    """A stage of a cycle failed; ``stage`` names it. ``rejected``: the new model is worse, which is an answer."""

    def __init__(self, stage: str, reason: str, *, rejected: bool = False) -> None:
        super().__init__(reason)
        self.stage, self.rejected = stage, rejected
