"""What can't be answered."""

from infra.errors import OperatorError


class ServingError(OperatorError):
    """A question can't be answered; ``code`` is the reason in one word, ``field`` what of the question it concerns."""

    def __init__(self, code: str, detail: str, field: str = "") -> None:
        super().__init__(detail)
        self.code, self.field = code, field
