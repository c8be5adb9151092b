"""Why a replay can't be done."""

from infra.errors import OperatorError


class ReplayRefused(OperatorError):
    """A replay can't be begun, steered or removed; the message says what to do. Nothing was changed."""


class NotObeyed(OperatorError):
    """A replay was asked to pause, go on or end, and has not done so yet; the wish stands."""


class ReplayUsageError(ReplayRefused):
    """What was asked for can't be meant."""

    exit_code = 2


class ReplayFailed(OperatorError):
    """A replay has ended before it was through."""


class ReplayCancelled(ReplayFailed):
    """Somebody has cancelled the replay."""

    exit_code = 130
