"""What can go wrong with the online store. The flow goes on without it."""

from infra.errors import OperatorError


class OnlineUnavailable(OperatorError):
    """Redis does not answer, or may have lost something: mark the store stale, write all vectors once it is back."""


class OnlineRestarted(OnlineUnavailable):
    """Redis was restarted since the last write: what it acknowledged in its last second may be gone."""
