"""Drawdowns of an equity curve, followed as it grows."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawdown:
    """The deepest fall below an earlier peak, and the longest time without a new one.

    ``depth``: share of the peak that was lost (0: never below a peak; above 1: more than everything). Times are ns
    UTC, None at depth 0; ``recovered_time``: None where the peak was not reached again. ``sessions``: from the peak
    to the recovery or the end. ``longest``: sessions of the longest stretch between a peak and its recovery or the
    end, whatever its depth.
    """

    depth: float
    peak_time: int | None
    trough_time: int | None
    recovered_time: int | None
    sessions: int
    longest: int


class DrawdownTrack:
    """Follows equity (currency) from ``capital`` on, one value per bar time."""

    def __init__(self, capital: float) -> None:
        self._peak = capital
        self._peak_at: tuple[int, int] | None = None  # time, number of the session
        self._last = (0, 0)
        self._deepest: tuple[float, tuple[int, int], int] | None = None  # depth, peak, trough's time
        self._recovered: tuple[int, int] | None = None
        self._longest = 0
        self._under = False

    def add(self, event_time: int, session: int, equity: float) -> None:
        """Take the equity at a bar time; ``session`` numbers the sessions that had bars: 0, 1, 2, …"""
        now = (event_time, session)
        if self._peak_at is None:  # the capital stands from the first bar on
            self._peak_at = now
        self._last = now
        if equity >= self._peak:
            if self._deepest is not None and self._deepest[1] == self._peak_at and self._recovered is None:
                self._recovered = now
            if self._under:
                self._longest = max(self._longest, session - self._peak_at[1])
            self._peak, self._peak_at, self._under = equity, now, False
            return
        self._under = True
        depth = (self._peak - equity) / self._peak
        if self._deepest is None or depth > self._deepest[0]:
            self._deepest, self._recovered = (depth, self._peak_at, event_time), None

    def result(self) -> Drawdown:
        """What was seen up to now."""
        under = self._last[1] - self._peak_at[1] if self._peak_at and self._under else 0
        longest = max(self._longest, under)
        if self._deepest is None:
            return Drawdown(
                depth=0.0, peak_time=None, trough_time=None, recovered_time=None, sessions=0, longest=longest
            )
        depth, peak, trough_time = self._deepest
        end = self._recovered or self._last
        return Drawdown(
            depth=depth,
            peak_time=peak[0],
            trough_time=trough_time,
            recovered_time=self._recovered[0] if self._recovered else None,
            sessions=end[1] - peak[1],
            longest=longest,
        )
