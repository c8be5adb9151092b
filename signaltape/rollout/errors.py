"""What keeps a decision from taking effect."""

from infra.errors import OperatorError


class RolloutError(OperatorError):
    """A decision about what is deployed was refused, or did not arrive; the message says which of both."""


class PreparationFailed(RolloutError):
    """An instance can't load the model, did not answer, or none runs; nothing was changed."""


class EventRefused(RolloutError):
    """The event can't be obeyed; nothing was written."""


class RefusedByInference(RolloutError):
    """The event lies in ``control``, and the inference received it and does not obey it: it has no effect."""


class EffectiveFromPassed(EventRefused):
    """The bar time asked for lies at or behind a bar that is there already; nothing was written."""


class SameBar(EventRefused):
    """Another promotion of the strategy acts from the very same bar; nothing was written."""


class StateChanged(EventRefused):
    """Others decided since the picture that the decision rests on; nothing was written. ``changed``: a line each."""

    def __init__(self, changed: tuple[str, ...]) -> None:
        super().__init__(f"nothing was done, for this was decided meanwhile: {'; '.join(changed)}")
        self.changed = changed


class RolloutBusy(RolloutError):
    """Somebody else is deciding at this moment; nothing was written."""


class NotReceived(RolloutError):
    """The event lies in ``control``, but not every partition has shown in time that it was received."""
