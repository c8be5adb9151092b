"""What a producer says when it can't take its input."""

from infra.errors import OperatorError


class BarInputError(OperatorError):
    """The input can't be used as bars; the message names the place and what to do."""

    exit_code = 2
