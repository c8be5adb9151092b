"""Following alerts."""

from infra.settings import Settings, load_settings
from schemas.alerts import Alert
from schemas.codec import decode_any
from schemas.topics import TopicNames
from signaltape.client.subscription import Subscription
from signaltape.client.topic_follower import Start, Taken, TopicFollower

_WEEK_S = 7 * 86_400.0


class AlertSubscriber(Subscription[Alert]):
    """Reads ``alerts``; each ``alert_id`` is yielded once per subscriber, whatever is repeated on the topic.

    ``start="recent"`` begins with those of the last ``lookback_s`` seconds; ``positions`` of an earlier subscriber go
    on where it stopped.
    """

    def __init__(
        self, *, start: Start | str = "recent", settings: Settings | None = None, lookback_s: float = _WEEK_S
    ) -> None:
        resolved = settings or load_settings()
        topic = TopicNames(resolved.topics.prefix).alerts
        super().__init__(TopicFollower(resolved, topic, start, lookback_s))
        self._seen: set[str] = set()

    def _take(self, taken: Taken, found: list[Alert]) -> None:
        if taken.at_end:
            return
        message = decode_any(taken.value, taken.content_type())
        self.positions[taken.partition] = taken.offset + 1
        if isinstance(message, Alert) and message.alert_id not in self._seen:
            self._seen.add(message.alert_id)
            found.append(message)
