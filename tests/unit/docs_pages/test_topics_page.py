"""The page about topics agrees with the topic table."""

import re

import pytest

from infra.broker.admin import _DLQ_RETENTION_MS
from schemas.topics import DAY_MS, DEAD_LETTERED, TOPICS, Topic
from tests.support.markdown import ROOT

PAGE = (ROOT / "docs" / "operations" / "topics.md").read_text()


def row(name: str) -> list[str]:
    found = re.search(rf"^\| `{re.escape(name)}` \|(.+)\|$", PAGE, re.MULTILINE)
    assert found, f"no row of {name} in docs/operations/topics.md"
    return [cell.strip() for cell in found[1].split("|")]


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_every_topic_stands_there_as_it_is(topic: Topic) -> None:
    key, messages, partitions, kept, transactional, *_ = row(topic.name)
    assert key == (topic.key or "none")
    assert messages.replace("`", "").split(", ") == list(topic.messages)
    assert partitions == ("as set" if topic.partitioned else "1")
    assert kept == ("for ever" if topic.retention_ms == -1 else f"{topic.retention_ms // DAY_MS} days")
    assert transactional == ("yes" if topic.transactional else "no")


def test_dead_letters_stand_there() -> None:
    _, _, partitions, kept, transactional, *_ = row("<topic>.dlq")
    assert (partitions, kept, transactional) == ("1", f"{int(_DLQ_RETENTION_MS) // DAY_MS} days", "no")
    assert {topic.name for topic in TOPICS} == set(DEAD_LETTERED), "the page says: of every topic"
