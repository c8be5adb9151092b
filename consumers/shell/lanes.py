"""Which messages count: the decision about each one that arrives, per partition."""

from collections.abc import Callable, Iterable, Mapping

from consumers.shell.errors import GapError
from consumers.shell.handler import TopicPartition
from infra.broker.reading import Record

#: Says whether messages exist from the first offset (inclusive) up to the second (exclusive).
Missing = Callable[[TopicPartition, int, int], bool]


class Lanes:
    """The partitions of this process, each with the offset that it expects next.

    Faust delivers messages before the assignment is announced, repeats messages after a rebalance, and may leave
    some out. So: a message of a partition that isn't open is held, one below the expected offset is skipped, and
    one beyond it, where messages exist between, raises ``GapError``.
    """

    def __init__(self, missing: Missing | None) -> None:
        self._missing = missing
        self._held: list[Record] = []
        self.expected: dict[TopicPartition, int] = {}
        self.suspended = True
        self.skipped = 0

    def sort(self, records: Iterable[Record]) -> dict[TopicPartition, list[Record]]:
        """Return the messages that count, by partition; expected offsets move past them."""
        taken: dict[TopicPartition, list[Record]] = {}
        for record in records:
            key = (record.topic, record.partition)
            expected = self.expected.get(key)
            if expected is None or self.suspended:
                self._held.append(record)
            elif record.offset < expected:
                self.skipped += 1
            else:
                if record.offset > expected:
                    self._check_gap(key, expected, record.offset)
                self.expected[key] = record.offset + 1
                lane = taken.get(key)
                if lane is None:
                    taken[key] = [record]
                else:
                    lane.append(record)
        return taken

    def move_on(self, found: Mapping[TopicPartition, tuple[int, int]]) -> dict[TopicPartition, int]:
        """Move over what holds no message: (first, end) by partition. Returns the ends of those that stand there."""
        moved = {key: end for key, (first, end) in found.items() if self.expected.get(key) == first < end}
        self.expected.update(moved)
        return moved

    def suspend(self) -> None:
        """A rebalance began: hold everything until ``resume``; what was held comes again."""
        self.suspended = True
        self._held.clear()

    def resume(self) -> dict[TopicPartition, list[Record]]:
        """A rebalance ended: return what was held and counts; what belongs to no open partition is dropped."""
        self.suspended = False
        held, self._held = self._held, []
        return self.sort(record for record in held if (record.topic, record.partition) in self.expected)

    def _check_gap(self, key: TopicPartition, expected: int, offset: int) -> None:
        if self._missing is not None and self._missing(key, expected, offset):
            raise GapError(
                f"{key[0]} partition {key[1]}: the message at {offset} arrived, but those from {expected} on did not; "
                f"a restart reads them again; if they are gone from the topic, run `signaltape repair`"
            )
