"""What an alert must be, beyond its types, before anything is done about it or stored of it."""

from dataclasses import fields

from schemas.alerts import SEVERITIES, Alert
from schemas.intervals import DAY
from schemas.names import MAX_NAME, holds_nul

_NAMES = ("alert_id", "policy", "rule", "strategy", "subject")
_LAST_SESSION = 2**63 // DAY - 1


def alert_fault(alert: Alert) -> str:
    """Return why an alert can't be taken, "" if it can.

    Texts hold no NUL, which the store keeps in none; ids are keys there, which bounds their length.
    """
    if not alert.alert_id:
        return "alert_id is empty"
    if alert.severity not in SEVERITIES:
        return f"severity is {alert.severity[:100]!r}; known are {', '.join(SEVERITIES)}"
    for name in _NAMES:
        if len(getattr(alert, name)) > 4 * MAX_NAME:
            return f"{name} has over {4 * MAX_NAME} characters"
    if not 0 <= alert.session <= _LAST_SESSION or alert.event_time < 0:
        return f"session {alert.session} at event time {alert.event_time} can't be"
    if any(holds_nul(getattr(alert, one.name)) for one in fields(alert)):
        return "a text contains the character NUL"
    return ""
