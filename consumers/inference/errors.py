"""What stops the inference consumer."""

from infra.errors import OperatorError

REPAIR = "signaltape repair --service inference"


class CommitRefused(OperatorError):
    """An offset commit can't be continued from; the message says why and names the repair command."""


class Fenced(OperatorError):
    """Another process runs under this instance's transactional id."""


class OffsetsExpired(OperatorError):
    """The committed offset isn't in the topic any more: going on would lose or repeat signals."""


class ChainBroken(OperatorError):
    """The chain in ``features`` has a hole."""


class RoundAborted(Exception):
    """A transaction was aborted: nothing of the round counts, and memory must be rebuilt from the last commit."""
