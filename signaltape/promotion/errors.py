"""Why a decision about a model is not taken. Nothing was changed."""

from infra.errors import OperatorError


class DecisionRefused(OperatorError):
    """The message names the model and what to do."""


class GateClosed(DecisionRefused):
    """A promotion that tests, comparison or shadow bars don't support, and that was not forced."""


class NothingToRollBackTo(DecisionRefused):
    """No model was live before, or not the one that was named."""


class StillNeeded(DecisionRefused):
    """The model is live, one of the last two before it, or predicts as a shadow or in an experiment."""
