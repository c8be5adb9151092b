"""Why history can't be loaded."""

from infra.errors import OperatorError


class BackfillRefused(OperatorError):
    """What is there already makes this history impossible to load rightly; nothing was written."""
