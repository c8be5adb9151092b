"""Lengths of time as people write them: 0s, 500ms, 15m, 1.5h, 1d."""

import re

from producers.errors import BarInputError
from schemas.intervals import DAY, HOUR, MINUTE, SECOND

_UNITS = {"ms": SECOND // 1_000, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_FORM = re.compile(r"(-?)(\d+)(?:\.(\d+))?(ms|s|m|h|d)")


def parse_duration(text: str, name: str) -> int:
    """Return ns of ``text``; ``name`` is the option, for the message.

    Raises ``BarInputError`` for anything but a number with its unit, and for a negative one.

    >>> parse_duration("1.5h", "--lag") // 60_000_000_000
    90
    """
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise BarInputError(f"{name} is {text!r:.60}; write a number with its unit ({', '.join(_UNITS)}), such as 15m")
    sign, whole, part, unit = found.groups()
    if sign:
        raise BarInputError(f"{name} is {text}: nothing is known before it happens; give 0s or more")
    size = _UNITS[unit]
    return int(whole) * size + (int(part) * size // 10 ** len(part) if part else 0)
