"""Why a shell ends."""

from infra.errors import OperatorError


class ShellError(OperatorError):
    """A service on the shell cannot go on; a supervisor restarts it from its last checkpoint."""


class GapError(ShellError):
    """Messages are missing between the last one handled and the one that arrived; a restart reads them again."""


class StalledError(ShellError):
    """A partition's position stood still although messages wait; a restart joins the group anew."""


class Stopped(Exception):
    """The service was asked to stop while it waited for a server: what it waited for was not done."""
