"""Why a word to the guard is not taken."""

from infra.errors import OperatorError


class GuardError(OperatorError):
    """The message names the strategy and what to do."""


class VetoedAlready(GuardError):
    """A veto is in force; nothing was recorded."""


class NoVeto(GuardError):
    """There is no veto to lift."""
