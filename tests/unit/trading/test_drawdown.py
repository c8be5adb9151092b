"""Drawdowns of short equity curves, by hand: one value a bar, the session beside it."""

import pytest

from pipeline.trading.drawdown import Drawdown, DrawdownTrack

pytestmark = pytest.mark.unit


def track(capital: float, bars: list[tuple[int, float]]) -> Drawdown:
    """Bars of (session, equity), at times 1, 2, …"""
    found = DrawdownTrack(capital)
    for number, (session, equity) in enumerate(bars, start=1):
        found.add(number, session, equity)
    return found.result()


def drawdown(
    depth: float, peak: int | None, trough: int | None, recovered: int | None, sessions: int, longest: int
) -> Drawdown:
    return Drawdown(
        depth=depth, peak_time=peak, trough_time=trough, recovered_time=recovered, sessions=sessions, longest=longest
    )


@pytest.mark.parametrize(
    ("bars", "expected"),
    [
        ([], drawdown(0, None, None, None, 0, 0)),
        ([(0, 100), (1, 100), (2, 110)], drawdown(0, None, None, None, 0, 0)),
        # Below the capital from the first bar on: the peak stands there.
        ([(0, 90), (1, 80)], drawdown(0.2, 1, 2, None, 1, 1)),
        # Recovered in session 2, and going on: what comes after doesn't count.
        ([(0, 100), (1, 75), (2, 100), (3, 100), (4, 120)], drawdown(0.25, 1, 2, 3, 2, 2)),
        # A second one as deep is not deeper; it lasts longer.
        ([(0, 100), (1, 75), (2, 100), (3, 75), (4, 80), (5, 90)], drawdown(0.25, 1, 2, 3, 2, 3)),
        # A deeper one after it, not recovered.
        ([(0, 100), (1, 75), (2, 100), (3, 50), (3, 60)], drawdown(0.5, 3, 4, None, 1, 2)),
        # The deepest bar of one fall, recovered within its session.
        ([(0, 100), (0, 90), (0, 60), (0, 80), (0, 200)], drawdown(0.4, 1, 3, 5, 0, 0)),
        # More than everything.
        ([(0, 100), (1, -50)], drawdown(1.5, 1, 2, None, 1, 1)),
    ],
)
def test_drawdowns(bars: list[tuple[int, float]], expected: Drawdown) -> None:
    assert track(100, bars) == expected
