"""Where the ingest reads on: the group's offsets, with what has to be known from before them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from infra.broker.admin import all_offsets, group_offsets, topic_ids
from infra.broker.errors import BrokerError
from infra.settings import Settings
from schemas.topics import TopicNames

Fault = Literal["recreated", "truncated", "expired", "reset"]
#: A partition of a topic.
Place = tuple[str, int]


class PositionRefused(BrokerError):
    """The group's offset does not belong to the topic as it is now; the message names the repair command."""


@dataclass(frozen=True, slots=True)
class Position:
    """The next offset to read, and the newest close (ns UTC) before it on its partition, 0 if there is none.

    What a bar becomes depends on that close (`consumers.ingest.intake`): it travels as the offset's metadata, with the
    topic's id.
    """

    offset: int
    newest: int = 0

    def metadata(self, topic_id: str) -> str:
        """Return what is committed beside the offset."""
        return json.dumps({"topic": topic_id, "newest": self.newest}, separators=(",", ":"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """A partition as the broker has it, beside what the group has committed there (None: nothing)."""

    topic_id: str
    low: int
    high: int
    committed: tuple[int, str] | None

    @property
    def newest(self) -> int:
        """Newest close before the committed offset, 0 where it isn't known."""
        return int(self._metadata().get("newest", 0))

    @property
    def position(self) -> Position:
        """Where to read on; only for a partition without a fault."""
        return Position(self.low if self.committed is None else self.committed[0], self.newest)

    def fault(self) -> Fault | None:
        """Say in which way the committed offset can't be meant for this topic, None if it can.

        A group that has committed nothing may begin, while nothing has expired, at the topic's first message. Other
        offsets without metadata were set by somebody else.
        """
        if self.committed is None:
            return "reset" if self.low else None
        offset, known = self.committed[0], self._metadata()
        if known and known.get("topic") != self.topic_id:
            return "recreated"
        if offset > self.high:
            return "truncated"
        if offset < self.low:
            return "expired"
        return "reset" if not known and offset != self.low else None

    def _metadata(self) -> dict[str, str]:
        try:
            found = json.loads(self.committed[1]) if self.committed is not None else {}
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


def group_name(settings: Settings) -> str:
    """Name of the ingest's group."""
    return f"{settings.topics.prefix}signaltape-ingest"


def standings(settings: Settings) -> dict[Place, Standing]:
    """Return every partition that the ingest reads. Raises BrokerError, TopicError."""
    names = TopicNames(settings.topics.prefix)
    topics = [names.bars_in, names.control]
    ids, bounds = topic_ids(settings, topics), all_offsets(settings, topics)
    found = {}
    for topic in topics:
        committed = group_offsets(settings, group_name(settings), topic, len(bounds[topic]))
        for partition, (low, high) in sorted(bounds[topic].items()):
            found[topic, partition] = Standing(
                topic_id=ids[topic], low=low, high=high, committed=committed.get(partition)
            )
    return found


def verify(found: Mapping[Place, Standing]) -> None:
    """Raise PositionRefused, with the repair command, for the first partition at fault."""
    for (topic, partition), standing in found.items():
        fault = standing.fault()
        if fault is None:
            continue
        offset = None if standing.committed is None else standing.committed[0]
        reasons = {
            "recreated": f"the topic was recreated: its id is {standing.topic_id}, not the one of the group's offset",
            "truncated": f"the topic ends at {standing.high}, before the group's offset {offset}",
            "expired": f"the topic begins at {standing.low}; what the group needs from {offset} on has expired unread",
            "reset": f"the group's offset {offset} was not committed by the ingest: somebody reset or deleted it",
        }
        raise PositionRefused(
            f"ingest cannot go on with {topic} partition {partition}: {reasons[fault]}."
            " To accept this: stop the service, then `signaltape repair --service ingest`"
        )
