"""Which strategies there are, as ``control`` says it."""

from consumers.inference.restore import control_events
from infra.broker.admin import low_high_offsets
from infra.settings import Settings
from schemas.topics import TopicNames
from signaltape.rollout.errors import EventRefused


def require_known(settings: Settings, strategy: str) -> None:
    """Raise EventRefused where nothing was ever deployed as ``strategy``: a misspelt pause stops nothing."""
    if not strategy:
        return
    end = low_high_offsets(settings, TopicNames(settings.topics.prefix).control)[0][1]
    known = {event.strategy for event in control_events(settings, end - 1) if event.model}
    if strategy not in known:
        names = ", ".join(sorted(known)) or "none"
        raise EventRefused(f"no model was ever deployed as strategy {strategy!r}; there are: {names}")
