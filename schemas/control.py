"""Control events: every decision about models, pauses and parameters, in the order in which it was taken."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from schemas.link import Link

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
