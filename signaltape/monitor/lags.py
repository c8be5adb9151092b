"""What waits for a consumer group, from its position and the messages that are there.

A message *waits* if it can be read and the group has not taken it. Offsets alone can't tell: on topics written in
transactions the end of each takes an offset, so an idle group seems to be one behind for ever. Hence the first message
at or after the position is looked for; where there is none, nothing waits.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from infra.broker.group_watch import Bounds, First, Place


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupLag:
    """Of one group on one partition.

    messages: from the first that waits to the end; on topics written in transactions, their ends are counted in.
    seconds: age of the first that waits. expired: messages that were deleted before the group took them.
    """

    group: str
    topic: str
    partition: int
    messages: int
    seconds: float
    expired: int


@dataclass(frozen=True, slots=True)
class _Known:
    """What was found from ``position`` on. whole: nothing of it had expired by then."""

    position: int
    end: int
    first: First | None
    whole: bool


class Lags:
    """Remembers what it saw, so that a partition is read only where something has changed."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, Place], _Known] = {}

    def unknown(self, group: str, positions: Mapping[Place, int], bounds: Mapping[Place, Bounds]) -> dict[Place, int]:
        """Where the first message from an offset on must be looked for: {place: offset}."""
        asked = {}
        for place, position in positions.items():
            bound = bounds.get(place)
            if bound is None or position >= bound.end:
                continue
            known = self._known.get((group, place))
            start = max(position, bound.low)
            if known is None or known.position != position or not _holds(known, bound):
                asked[place] = start
        return asked

    def learn(
        self,
        group: str,
        positions: Mapping[Place, int],
        bounds: Mapping[Place, Bounds],
        firsts: Mapping[Place, First | None],
    ) -> None:
        """Note what was found; `firsts` answers what `unknown` asked for."""
        for place, first in firsts.items():
            position, bound = positions[place], bounds[place]
            self._known[group, place] = _Known(position, bound.end, first, bound.low <= position)

    def of(
        self, group: str, positions: Mapping[Place, int], bounds: Mapping[Place, Bounds], now_s: float
    ) -> list[GroupLag]:
        """What waits for the group now (`now_s`: seconds since 1970). Places of which it can't be said are left out."""
        found = []
        for place, position in sorted(positions.items()):
            bound = bounds.get(place)
            if bound is None:
                continue
            messages, seconds, expired = 0, 0.0, max(bound.low - position, 0)
            if position < bound.end:
                known = self._known.get((group, place))
                if known is None or known.position != position or not _holds(known, bound):
                    continue  # it could not be read in time
                if known.first is not None and known.first.offset < bound.end:
                    messages = bound.end - known.first.offset
                    seconds = max(now_s - known.first.timestamp_ms / 1_000, 0.0)
                elif known.first is None and known.whole:
                    expired = 0  # an end of a transaction that nobody waited for
            found.append(
                GroupLag(
                    group=group,
                    topic=place[0],
                    partition=place[1],
                    messages=messages,
                    seconds=seconds,
                    expired=expired,
                )
            )
        return found


def _holds(known: _Known, bound: Bounds) -> bool:
    """True if what was found before is still so: the first message stays the first until it expires."""
    return known.end == bound.end if known.first is None else known.first.offset >= bound.low
