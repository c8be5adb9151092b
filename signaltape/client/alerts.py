"""Following alerts."""

from collections.abc import Iterator
from types import TracebackType

from infra.settings import Settings, load_settings
from schemas.alerts import Alert
from schemas.codec import decode_any
from schemas.topics import TopicNames
from signaltape.client.topic_follower import Start, TopicFollower

_WEEK_S = 7 * 86_400.0


class AlertSubscriber:
    """Reads ``alerts``; each ``alert_id`` is yielded once per subscriber, whatever is repeated on the topic.

    ``next_offsets`` says where to start another time.
    """

    def __init__(
        self, *, start: Start = "recent", settings: Settings | None = None, lookback_s: float = _WEEK_S
    ) -> None:
        resolved = settings or load_settings()
        topic = TopicNames(resolved.topics.prefix).alerts
        self._follower = TopicFollower(resolved, topic, start, lookback_s)
        self._seen: set[str] = set()
        self.next_offsets: dict[int, int] = {}

    def poll(self, timeout_s: float = 1.0) -> list[Alert]:
        """Return the alerts that have come, waiting at most ``timeout_s`` seconds for the first."""
        found = []
        for taken in self._follower.poll(timeout_s):
            if taken.value is None:
                continue
            self.next_offsets[taken.partition] = taken.offset + 1
            message = decode_any(taken.value, taken.content_type)
            if isinstance(message, Alert) and message.alert_id not in self._seen:
                self._seen.add(message.alert_id)
                found.append(message)
        return found

    def __iter__(self) -> Iterator[Alert]:
        while True:
            yield from self.poll()

    def close(self) -> None:
        """Leave the broker."""
        self._follower.close()

    def __enter__(self) -> "AlertSubscriber":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
