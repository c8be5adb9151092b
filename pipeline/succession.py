"""Who follows whom: for each strategy the models that were live, as control events say it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.control_checks import refusal
from pipeline.deployments import ModelRef
from schemas.control import ControlEvent

_SWAPS = ("activate", "rollback")


@dataclass(frozen=True, kw_only=True, slots=True)
class Succession:
    """The models of one strategy.

    ``line``: oldest first; the last one is live, or will be once every event is in force. A rollback cuts the line back
    to where its model stands. ``history``: every model that became live, in order, rollbacks included.
    """

    strategy: str
    line: tuple[ModelRef, ...] = ()
    history: tuple[ModelRef, ...] = ()

    @property
    def live(self) -> ModelRef | None:
        """The newest decision, None if the strategy never had a model."""
        return self.line[-1] if self.line else None

    @property
    def predecessor(self) -> ModelRef | None:
        """What a rollback without a name goes back to, None if there is nothing."""
        return next((ref for ref in reversed(self.line[:-1]) if ref != self.live), None)

    @property
    def kept(self) -> frozenset[ModelRef]:
        """Models that must stay loadable: the live one and its last two predecessors, by line and by history."""
        found = set()
        for models in (self.line, self.history):
            found |= set(list(dict.fromkeys(reversed(models)))[:3])
        return frozenset(found)


def order_of_effect(events: Iterable[ControlEvent], effective: Mapping[int, int]) -> list[ControlEvent]:
    """Return the events in the order in which they act; what can't be obeyed is left out.

    ``effective``: control offset → bar time (ns UTC) from which it was seen to act, where that is known; else its
    ``effective_from`` counts. Seen at 0 means from the first bar on; an event that names no time, and was not seen yet,
    acts after all before it.
    """
    placed: list[tuple[int, int, ControlEvent]] = []
    for event in sorted(events, key=lambda one: one.control_offset):
        if refusal(event):
            continue
        at = effective.get(event.control_offset)
        if at is None:
            at = event.effective_from or max((one[0] for one in placed), default=0)
        placed.append((at, event.control_offset, event))
    return [event for _, _, event in sorted(placed, key=lambda one: one[:2])]


def successions(events: Sequence[ControlEvent]) -> dict[str, Succession]:
    """Return strategy → succession, from events in the order of effect."""
    lines: dict[str, list[ModelRef]] = {}
    histories: dict[str, list[ModelRef]] = {}
    for event in events:
        if event.action not in _SWAPS:
            continue
        ref = ModelRef(name=event.model, version=event.model_version)
        line = lines.setdefault(event.strategy, [])
        histories.setdefault(event.strategy, []).append(ref)
        if event.action == "rollback" and ref in line:
            while line[-1] != ref:
                line.pop()
        elif not line or line[-1] != ref:
            line.append(ref)
    return {
        strategy: Succession(strategy=strategy, line=tuple(line), history=tuple(histories[strategy]))
        for strategy, line in lines.items()
    }
