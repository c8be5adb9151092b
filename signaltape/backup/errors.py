"""What can go wrong with a backup."""

from infra.errors import OperatorError


class BackupError(OperatorError):
    """A backup can't be made, read or restored as asked; the message says what stands in the way and what to do."""
