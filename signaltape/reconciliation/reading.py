"""Reading topics for the reconciliation: fresh consumers, and what lies in the dead letters."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from infra.broker.reading import Record, read_topic
from infra.settings import Settings
from schemas.codec import Message, decode_any
from schemas.errors import DecodeError
from schemas.signal_bytes import decode_signal
from schemas.topics import TopicNames

#: Partition and offset.
Address = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Buried:
    """Dead letters of one topic: whole messages, and single rows of others."""

    messages: frozenset[Address] = frozenset()
    rows: dict[Address, frozenset[int]] = field(default_factory=dict)


def read_buried(settings: Settings, topic: str) -> Buried:
    """What the dead-letter topic of `topic` names. One address can stand there several times after a crash."""
    messages: set[Address] = set()
    rows: dict[Address, frozenset[int]] = {}
    for record in read_topic(settings, TopicNames(settings.topics.prefix).dlq(topic)):
        headers = dict(record.headers)
        # A message may carry dead-letter headers of an earlier life: the last ones are ours.
        partition, offset = (int(headers[f"__connect.errors.{name}"] or 0) for name in ("partition", "offset"))
        if headers["__connect.errors.topic"] != topic.encode():
            continue
        if named := headers.get("signaltape.rows"):
            at = frozenset(map(int, named.split(b",")))
            rows[partition, offset] = rows.get((partition, offset), frozenset()) | at
        else:
            messages.add((partition, offset))
    return Buried(messages=frozenset(messages), rows=rows)


def read_messages(settings: Settings, topic: str) -> Iterator[tuple[Record, Message | None]]:
    """Every committed record of a topic with its message, None where it cannot be decoded."""
    signals = TopicNames(settings.topics.prefix).signals
    for record in read_topic(settings, topic):
        if topic == signals and record.value is not None and (signal := decode_signal(record.value)) is not None:
            yield record, signal
            continue
        kind = next((value for name, value in record.headers if name == "content-type"), None) or b""
        try:
            yield record, decode_any(record.value, kind.decode(errors="replace"))
        except DecodeError:
            yield record, None
