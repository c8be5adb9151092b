"""Why two models can't be compared."""

from infra.errors import OperatorError


class ComparisonError(OperatorError):
    """There are no rows on which both models can be judged alike; the message says why and what to do."""
