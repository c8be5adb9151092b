"""Waiting in a replay: for the pace, for somebody who paused it, and for nothing at all once it is cancelled."""

import time
from collections.abc import Callable

from producers.pace import Pace, parse_speed
from signaltape.replay.errors import ReplayCancelled
from signaltape.replay.record import Claim

_LOOK_EVERY_S = 0.1


class Steering:
    """Looks at the wishes of others ten times a second. A pause stops the clock that the pace goes by."""

    def __init__(self, claim: Claim, speed: str, told: Callable[[str], None] = lambda _: None) -> None:
        self._claim, self._told = claim, told
        self._looked = 0.0
        self._paused_s = 0.0
        self._pace = Pace(parse_speed(speed), clock=self._clock, sleep=self._sleep)

    def wait_for(self, event_time: int) -> None:
        """Return when what closes at ``event_time`` (ns UTC) is due. Raises ``ReplayCancelled``."""
        self.look()
        self._pace(event_time)

    def look(self) -> None:
        """Obey a wish: return at once, after a pause, or by ``ReplayCancelled``."""
        now = time.monotonic()
        if now - self._looked < _LOOK_EVERY_S:
            return
        self._looked = now
        before = self._claim.record.state
        while (wish := self._claim.wish()) == "pause":
            if self._claim.record.state != "paused":
                self._claim.note(state="paused")
                self._told("paused")
            time.sleep(_LOOK_EVERY_S)
        if wish == "cancel":
            raise ReplayCancelled("the replay was cancelled")
        if self._claim.record.state != before:
            self._claim.note(state=before)
            self._told("resumed")
            self._paused_s += time.monotonic() - now

    def _clock(self) -> float:
        return time.monotonic() - self._paused_s

    def _sleep(self, seconds: float) -> None:
        until = self._clock() + seconds
        while (left := until - self._clock()) > 0:
            time.sleep(min(left, _LOOK_EVERY_S))
            self.look()
