"""What subscribers have in common: reading, giving way to what can't be read, ending."""

from collections.abc import Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

from schemas.errors import DecodeError
from signaltape.client.errors import ClientError
from signaltape.client.topic_follower import Taken, TopicFollower

Item = TypeVar("Item")


class Subscription(Generic[Item]):
    """Reads a topic message by message. Not safe to share between threads.

    ``positions`` holds the next offset of each partition after what was handed over: a subscriber that starts from
    them goes on where this one stopped. While nothing comes they follow the partitions to their ends, beyond the last
    message (ends of transactions take offsets too): keep them then as well, or a stored place may expire in a quiet
    time, and what is no loss looks like one.
    """

    def __init__(self, follower: TopicFollower) -> None:
        self._follower = follower
        self._failure: ClientError | None = None
        self.positions: dict[int, int] = dict(follower.starts)

    def poll(self, timeout_s: float = 1.0) -> list[Item]:
        """Return what has come, waiting at most ``timeout_s`` seconds for the first message.

        Raises ``ClientError`` at a message that can't be read, after everything before it was returned.
        """
        if self._failure is not None:
            raise self._failure
        found: list[Item] = []
        for taken in self._follower.poll(timeout_s):
            try:
                self._take(taken, found)
                if taken.at_end:
                    self.positions[taken.partition] = max(taken.offset, self.positions[taken.partition])
            except DecodeError as error:
                self._failure = ClientError(
                    f"{self._follower.topic}[{taken.partition}] at offset {taken.offset} can't be read: {error}; to go"
                    f" on behind it, start from offset {taken.offset + 1}"
                )
                if not found:
                    raise self._failure from error
                break
        return found

    def __iter__(self) -> Iterator[Item]:
        while True:
            yield from self.poll()

    @property
    def caught_up(self) -> bool:
        """True once everything that was there at the start has been returned."""
        return not self._follower.unread and self._failure is None

    def close(self) -> None:
        """Leave the broker."""
        self._follower.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _take(self, taken: Taken, found: list[Item]) -> None:
        """Add to ``found`` what follows from one record, or from an end. Raises ``DecodeError``."""
        raise NotImplementedError
