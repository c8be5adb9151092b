"""What the one who decides has seen, so that a decision on an old picture is refused with what changed since."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from pipeline.control_checks import refusal
from schemas.control import ControlEvent
from signaltape.rollout.errors import StateChanged
from signaltape.rollout.words import in_words, when_and_why

_SWAPS = frozenset({"activate", "rollback"})
_SCALED = _SWAPS | {"pause", "resume", "position_scale"}
_ALL_BUT_SHADOWS = _SCALED | {"experiment", "parameters"}
#: Decision → actions of others that change what it would do. A shadow makes no signal; a pause must not be held up by
#: a parameter.
_MATTERS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "promote": _ALL_BUT_SHADOWS,
        "rollback": _ALL_BUT_SHADOWS,
        "pause": _SWAPS | {"pause", "resume"},
        "resume": _SCALED,
        "position_scale": _SCALED,
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """The picture behind one decision about a strategy ("" = all) and some symbols (none = all).

    ``offset``: control offset of the newest event that the picture shows, -1 where it shows none. What is in force
    follows from ``control`` alone, so nothing else needs to be compared.
    """

    decision: str
    offset: int
    strategy: str
    symbols: frozenset[str] = frozenset()

    def refuse_changed(self, events: Sequence[ControlEvent]) -> None:
        """Raise StateChanged where ``events``, those of ``control``, hold something newer that matters."""
        if changed := self.changed(events):
            raise StateChanged(changed)

    def changed(self, events: Iterable[ControlEvent]) -> tuple[str, ...]:
        """What was decided after the picture and matters, oldest first, a line each."""
        return tuple(
            f"{words} {when_and_why(event)}"
            for event, words in in_words(events)
            if event.control_offset > self.offset and self._concerned(event)
        )

    def _concerned(self, event: ControlEvent) -> bool:
        if event.action not in _MATTERS[self.decision] or refusal(event):
            return False
        if self.strategy and event.strategy and self.strategy != event.strategy:
            return False
        return not self.symbols or not event.symbols or not self.symbols.isdisjoint(event.symbols)
