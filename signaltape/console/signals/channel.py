"""The channel ``signals``: what has come since the last event, in pieces of a bounded size."""

import time
from typing import Any

from schemas.signals import Signal
from signaltape.console.signals.rows import notice_row, signal_blocks
from signaltape.console.signals.tape import SignalTape

#: Items of one event, some 500 kB.
MOST = 5_000
_FAULT_EVERY_S = 5.0
#: Nobody listened for so long: who listens now has read what there is.
_AWAY_S = 3.0


class TapeChannel:
    """Makes the events; called by one thread at a time."""

    def __init__(self, tape: SignalTape, most: int = MOST) -> None:
        self._tape, self._most = tape, most
        self._epoch, self._sent = "", 0
        self._made_at = self._faulted_at = 0.0

    def make(self) -> dict[str, Any] | None:
        """The next event; None where nothing has come."""
        now = time.monotonic()
        self._tape.touch()
        if now - self._made_at > _AWAY_S:
            self._epoch, self._sent = self._tape.end()
        self._made_at = now
        epoch, last = self._tape.end()
        anew = epoch != self._epoch
        if anew:  # pages read anew what there is
            self._epoch, self._sent = epoch, last
        fault, piece = self._tape.fault, self._tape.after(self._epoch, self._sent, self._most)
        self._epoch, self._sent = piece.epoch, max(piece.last, piece.first - 1)
        due = bool(fault) and now - self._faulted_at > _FAULT_EVERY_S
        if not piece.items and not anew and not due:
            return None
        if due:
            self._faulted_at = now
        numbered = list(enumerate(piece.items, piece.first))
        return {
            "epoch": piece.epoch,
            "from": piece.first,
            "to": piece.last,
            "left": piece.left,
            "blocks": signal_blocks((n, one) for n, one in numbered if isinstance(one, Signal)),
            "notices": [notice_row(n, one) for n, one in numbered if not isinstance(one, Signal)],
            "fault": fault,
        }
