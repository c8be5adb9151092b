"""What a statistic answers when it has no number to give."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Insufficient:
    """Too little data for a number: neither a pass nor a failure.

    ``n`` is how many observations there were, ``minimum`` how many are asked for, ``reason`` says in words what is
    missing (enough observations can still leave a statistic undefined, for example where all scores are equal).
    """

    n: int
    minimum: int
    reason: str
