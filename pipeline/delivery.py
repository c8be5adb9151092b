"""Handing alerts to the outside: when an attempt is repeated, and what is sent."""

from dataclasses import dataclass, replace
from typing import Any

from schemas.alerts import Alert
from schemas.codec import encode_json


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryRule:
    """``attempts`` at the most; the pause after the n-th is ``first_s`` · 2ⁿ⁻¹, at most ``longest_s`` (seconds).

    >>> rule = RetryRule(attempts=5, first_s=1.0, longest_s=3.0)
    >>> [rule.pause_after(n) for n in range(1, 6)]
    [1.0, 2.0, 3.0, 3.0, None]
    """

    attempts: int
    first_s: float
    longest_s: float

    def pause_after(self, attempt: int) -> float | None:
        """Return the pause (s) after a failed attempt, counted from 1; None: it was the last one."""
        if attempt < 1:
            raise ValueError(f"attempts are counted from 1, got {attempt}")
        if attempt >= self.attempts:
            return None
        # 2.0 ** 1024 overflows; by then any pause is the longest one.
        return min(self.first_s * 2.0 ** min(attempt - 1, 1_000), self.longest_s)


def body_of(alert: Alert, limit: int) -> bytes:
    """Return an alert as JSON of at most ``limit`` bytes.

    Where it is longer, its evidence is left out and counted in ``evidence_omitted_bytes``; then its texts are cut.
    Raises ValueError for a limit that not even names fit into.
    """
    body = encode_json(alert)
    if len(body) <= limit:
        return body
    note: dict[str, Any] = {"evidence_omitted_bytes": len(body)}
    for length in (2_000, 200, 20):
        cut = replace(
            alert, evidence=note, message=alert.message[:length], suggested_action=alert.suggested_action[:length]
        )
        body = encode_json(cut)
        if len(body) <= limit:
            return body
    raise ValueError(f"alert {alert.alert_id[:64]} has {len(body)} bytes without its evidence; the limit is {limit}")
