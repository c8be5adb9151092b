"""What a service implements, and what it is given."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from infra.broker.reading import Record

#: A partition of a topic: (topic, partition).
TopicPartition = tuple[str, int]
#: Messages at hand, by partition, each in offset order; no partition is empty.
Round = Mapping[TopicPartition, Sequence[Record]]


class Committer(Protocol):
    """The one way to move the group's offset."""

    def commit(self, offsets: Mapping[TopicPartition, int]) -> bool:
        """Commit next offsets to read; False where that wasn't possible now (rebalance, Kafka away).

        Nothing may rely on it: the group's offset is only a lower bound.
        """
        ...


class Handler(Protocol):
    """A service's side of the shell. Every method is called from the same thread, never concurrently."""

    def open(self, partition: TopicPartition) -> int:
        """Take over a partition; return the offset from which messages count. Lower ones are never handed over."""
        ...

    def handle(self, messages: Round) -> None:
        """Handle a round. What it raises ends the process."""
        ...

    def at_end(self, ends: Mapping[TopicPartition, int]) -> None:
        """Partitions end at these offsets, beyond the last message that was handled: no message lies, or lay, between.

        What is kept of a position should follow, or it will be older than the log once that has expired.
        """
        ...

    def idle(self) -> None:
        """Called a few times a second between rounds, never during a rebalance: timers live here."""
        ...

    def settle(self) -> None:
        """Finish everything begun by earlier rounds: a rebalance or a stop is near."""
        ...

    def close(self, partition: TopicPartition) -> None:
        """Forget a partition that this process no longer owns."""
        ...

    def finish(self) -> None:
        """A clean stop, after ``settle``: checkpoint what would otherwise be read again."""
        ...
