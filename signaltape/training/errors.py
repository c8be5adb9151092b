"""Why a model is not trained."""

from infra.errors import OperatorError


class TrainingError(OperatorError):
    """These bars or options don't make a model; the message says what is missing and what to do."""
