"""Times and reasons in the form that explanations share."""

from typing import Any

from schemas.headers import iso_time


def when(time: int) -> str:
    """Return ns UTC as ISO-8601; 0 is before every bar.

    >>> when(1_704_229_200_000_000_000)
    '2024-01-02T21:00:00Z'
    """
    return iso_time(time) if time else "the first bar"


def span(length_ns: int) -> str:
    """Return a length for people.

    >>> span(5_000_000_000), span(1_500_000)
    ('5 s', '0.0015 s')
    """
    return f"{length_ns / 1e9:g} s"


def reason(code: str, text: str, **evidence: Any) -> dict[str, Any]:
    """Return one reason as plain values."""
    return {"code": code, "text": text, **evidence}
