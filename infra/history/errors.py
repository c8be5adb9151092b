"""Why history can't be had."""

from infra.errors import OperatorError


class HistoryError(OperatorError):
    """A stretch of history can't be read as it was; the message says what is missing and what to do."""
