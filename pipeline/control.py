"""Control on one partition: which events were received, from when each acts, and what is in force at a bar time.

An event acts from ``effective_p = max(effective_from, highest bar time seen on the partition before it + 1 ns)``.
What is in force for a batch is a pure function of the events received and the batch's event time: the events with
``effective_p`` at or before it, applied in the order of (``effective_p``, control offset).
"""

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipeline.control_checks import is_idle, refusal, supersedes
from pipeline.deployments import Deployments, ModelRef, fold
from schemas.control import ControlEvent

#: Above this many events, superseded ones are dropped by the newest bar time, without waiting for the watermark.
CROWD = 100


class ControlEventMissing(Exception):
    """An event that is in force can't be found in ``control``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Applied:
    """What became of a received event.

    ``late``: it asked for a bar time that the partition had already passed. ``repeated``: it was received before,
    and nothing changed. ``refused`` says why it has no effect, else "".
    """

    event: ControlEvent
    effective_p: int
    late: bool = False
    repeated: bool = False
    refused: str = ""


@dataclass(frozen=True, order=True, slots=True)
class _Acting:
    effective_p: int
    control_offset: int


class ControlState:
    """Events received on one partition; ``received`` is the offset in ``control`` of the last one, -1 for none."""

    def __init__(self) -> None:
        self.received = -1
        self._order: list[_Acting] = []
        self._events: dict[int, ControlEvent] = {}
        self._folded: dict[int, Deployments] = {}

    def receive(self, event: ControlEvent, head: int | None, floor: int | None = None) -> Applied:
        """Take an event in log order.

        ``head``: highest bar time (ns UTC) seen on the partition, None before its first bar. ``floor``: the
        partition's watermark, at or below which no bar comes any more; None if no feed holds anything back.
        """
        effective = event.effective_from if head is None else max(event.effective_from, head + 1)
        if event.control_offset <= self.received:
            return Applied(event=event, effective_p=effective, repeated=True)
        self.received = event.control_offset
        refused = refusal(event)
        if not refused:
            self._events[event.control_offset] = event
            insort(self._order, _Acting(effective, event.control_offset))
            self._forget(head, floor)
            self._folded.clear()
        return Applied(event=event, effective_p=effective, late=0 < event.effective_from < effective, refused=refused)

    def in_force(self, event_time: int) -> Deployments:
        """Return what is deployed for bars that close at ``event_time`` (ns UTC)."""
        count = bisect_right(self._order, event_time, key=lambda acting: acting.effective_p)
        if count not in self._folded:
            self._folded[count] = fold(self._events[acting.control_offset] for acting in self._order[:count])
        return self._folded[count]

    def models_after(self, event_time: int) -> tuple[ModelRef, ...]:
        """Return the models that come into force for bars later than ``event_time`` (ns UTC), in that order."""
        later = dict.fromkeys(acting.effective_p for acting in self._order if acting.effective_p > event_time)
        return tuple(dict.fromkeys(ref for time in later for ref in self.in_force(time).models()))

    def kept(self) -> tuple[tuple[int, int], ...]:
        """Return (control offset, ``effective_p``) of the events not yet superseded, in the order of effect."""
        return tuple((acting.control_offset, acting.effective_p) for acting in self._order)

    @classmethod
    def restore(cls, received: int, kept: Mapping[int, int], events: Iterable[ControlEvent]) -> "ControlState":
        """Rebuild from ``received``, ``kept()`` as a mapping, and the events of ``control`` from 0 to ``received``.

        Raises ``ControlEventMissing`` if a kept event isn't among them.
        """
        state = cls()
        state.received = received
        state._events = {event.control_offset: event for event in events if event.control_offset in kept}
        missing = sorted(set(kept) - set(state._events))
        if missing:
            raise ControlEventMissing(
                f"control events at offsets {missing} are in force but not in the topic control any more; "
                "was the topic recreated? Run: signaltape repair --service inference"
            )
        state._order = sorted(_Acting(effective, offset) for offset, effective in kept.items())
        return state

    def _forget(self, head: int | None, floor: int | None) -> None:
        """Drop what can't be in force again: superseded by an event that acts on every bar still to come.

        From oldest to newest, as they act: an event takes what it ends with it before another one can end the event.
        """
        if head is None:
            return
        settled = head if floor is None or len(self._order) > CROWD else min(head, floor)
        count = bisect_right(self._order, settled, key=lambda acting: acting.effective_p)
        left: list[_Acting] = []
        for acting in self._order[:count]:
            later = self._events[acting.control_offset]
            left = [held for held in left if not supersedes(later, self._events[held.control_offset])]
            if not is_idle(later):
                left.append(acting)
        self._order[:count] = left
        self._events = {acting.control_offset: self._events[acting.control_offset] for acting in self._order}
