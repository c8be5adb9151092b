"""What can be wrong with the question."""

from infra.errors import OperatorError


class ExplanationError(OperatorError):
    """There is nothing to explain under this name; the message says what there is."""


class QuestionError(OperatorError):
    """The question isn't complete; the message says what to add."""

    exit_code = 2
