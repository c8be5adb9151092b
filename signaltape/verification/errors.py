"""Why a range can't be verified."""

from infra.errors import OperatorError


class VerificationError(OperatorError):
    """Something that a recomputation needs is not as it was; the message says what, and what to do."""
