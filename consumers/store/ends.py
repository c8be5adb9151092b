"""Where partitions were seen to end, and which of them stand there."""

from collections.abc import Mapping

from consumers.store.sorting import Owned
from infra.warehouse.round_writer import Place


class Ends:
    """Ends that the consumer has reported; every record before one was read by then.

    An end may lie beyond the last record: what is between is no message (the end of a transaction, or what was
    aborted). In a flow each is overtaken by the next record; only one that stands is worth a transaction.
    """

    def __init__(self) -> None:
        self._seen: dict[Place, int] = {}
        self._before: dict[Place, int] = {}

    def saw(self, place: Place, end: int) -> None:
        """Note an end."""
        self._seen[place] = end

    def beyond(self, owned: Mapping[Place, Owned]) -> dict[Place, int]:
        """Return the ends that lie beyond what is stored of their partitions."""
        return {place: end for place, end in self._seen.items() if place in owned and end > owned[place].next_offset}

    def standing(self, owned: Mapping[Place, Owned]) -> dict[Place, int]:
        """Return those of ``beyond`` that were the same at the call before."""
        now = self.beyond(owned)
        before, self._before = self._before, now
        return {place: end for place, end in now.items() if before.get(place) == end}

    def missing(self, owned: Mapping[Place, Owned]) -> bool:
        """Say whether a partition hasn't been seen to end behind what is stored of it."""
        return any(self._seen.get(place, -1) < one.next_offset for place, one in owned.items())
