"""Figures as people read them."""

from pipeline.drift.results import Insufficient

_DECIMALS = {"sessions": 0, "count": 0, "positions": 1, "bars": 1, "ratio": 2, "times a year": 1}


def said(value: float | Insufficient, unit: str, *, signed: bool = False) -> str:
    """A figure with its unit, or why there is none.

    >>> said(0.1234, "share", signed=True), said(1234567.8, "currency"), said(3.14159, "ratio")
    ('+12.34 %', '1,234,568', '3.14')
    >>> said(Insufficient(n=3, minimum=5, reason="too few sessions"), "ratio")
    'none: too few sessions (3 of 5)'
    """
    if isinstance(value, Insufficient):
        few = f" ({value.n} of {value.minimum})" if value.n < value.minimum and value.minimum > 1 else ""
        return f"none: {value.reason}{few}"
    sign = "+" if signed else ""
    if unit.startswith("share"):
        return f"{value:{sign},.2%}".replace("%", " %")
    if unit == "currency":
        return f"{value:{sign},.0f}" if abs(value) >= 1000 else f"{value:{sign},.2f}"
    return f"{value:{sign},.{_DECIMALS[unit]}f}"


def title_of(model: str) -> str:
    """What is shown, as a heading.

    >>> title_of("swing:3"), title_of("as live")
    ('Backtest of swing:3', 'Backtest as live')
    """
    return f"Backtest {'' if model == 'as live' else 'of '}{model}"


def counted(number: int, what: str) -> str:
    """A number with its noun.

    >>> counted(1, "session"), counted(2_520, "session")
    ('1 session', '2,520 sessions')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"
