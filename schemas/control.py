"""Control events: every decision about models, pauses and parameters, in the order in which it was taken."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from schemas.link import Link
from schemas.names import MAX_NAME, holds_nul, is_name

#: What a control event can do.
CONTROL_ACTIONS = (
    "activate", "rollback", "shadow", "unshadow", "pause", "resume", "parameters", "position_scale", "experiment"
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlEvent:
    """One decision, in force from ``effective_from`` (ns UTC event time) on.

    ``model`` and ``symbols`` name what it concerns (empty = all). ``strategy`` is the deployment's name.
    ``control_offset`` is its offset in ``control``: -1 until ingest relays it into ``bars``. ``link`` is set where
    it is forwarded into a derived topic.
    """

    TYPE: ClassVar[str] = "ControlEvent"

    event_id: str
    action: str
    effective_from: int
    issued_at: int
    issued_by: str
    reason: str = ""
    cause: str = ""
    strategy: str = ""
    model: str = ""
    model_version: int = 0
    symbols: tuple[str, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    control_offset: int = -1
    link: Link | None = None


def control_fault(event: ControlEvent) -> str:
    """Return why no service may obey an event, "" if it can be obeyed and kept.

    Who obeys it and who keeps it must agree: names are part of keys in the store, which holds no NUL in any text.
    """
    named = [("strategy", event.strategy), ("model", event.model)]
    for what, name in [*((what, name) for what, name in named if name), *(("a symbol", one) for one in event.symbols)]:
        if not is_name(name):
            return f"{what} has {len(name)} characters, expected 1 to {MAX_NAME} without NUL"
    texts = {"event_id": event.event_id, "issued_by": event.issued_by, "reason": event.reason, "cause": event.cause}
    for what, text in texts.items():
        if "\0" in text:
            return f"{what} contains the character NUL"
    if holds_nul(event.parameters):
        return "a parameter contains the character NUL"
    if not -(2**31) <= event.model_version < 2**31:
        return f"model_version {event.model_version} is out of range"
    return ""
