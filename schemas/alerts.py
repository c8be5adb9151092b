"""Messages of ``alerts``."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

#: Severities, least first.
SEVERITIES = ("info", "warning", "severe", "urgent")


@dataclass(frozen=True, kw_only=True, slots=True)
class Alert:
    """A finding that somebody should act on, with the numbers that led to it.

    ``alert_id`` is a hash of policy, rule, subject and session, so a repeated run publishes the same alert.
    ``evidence`` holds numbers by name. ``window`` is (first, last) event time looked at, ``onset`` the estimated
    begin of the trouble (ns UTC), ``false_alarm_budget`` alarms a year that the policy allows for this subject.
    """

    TYPE: ClassVar[str] = "Alert"

    alert_id: str
    policy: str
    rule: str
    severity: str
    strategy: str
    subject: str
    event_time: int
    session: int
    sample_size: int
    window: tuple[int, int]
    evidence: dict[str, Any] = field(default_factory=dict)
    onset: int | None = None
    false_alarm_budget: float | None = None
    suggested_action: str = ""
    message: str = ""
