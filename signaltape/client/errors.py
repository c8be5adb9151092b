"""Errors of the SDK."""

from infra.errors import OperatorError


class ClientError(OperatorError):
    """The SDK can't do what was asked; the message says why and what to do."""


class ClientUsageError(ClientError):
    """An argument can't be used; the message names those that can."""

    exit_code = 2


class BarRejectedError(ClientError):
    """A bar can't be published; nothing of it was sent. ``code`` is the reason in one word."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"bar rejected ({code}): {detail}")
        self.code = code
