"""A role's rights on topics, groups, transactional ids and the cluster, under a topic prefix."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pipeline.replay.naming import PREFIX as REPLAYS
from schemas.topics import DEAD_LETTERED, TOPICS, TopicNames
from signaltape.permissions.roles import Role

Kind = Literal["topic", "group", "transactional-id", "cluster"]
#: The one name of Kafka's resource for the whole cluster.
CLUSTER = "kafka-cluster"


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Right:
    """``operation`` (Kafka's name) on one thing, or with ``prefixed`` on all whose names begin so."""

    kind: Kind
    name: str
    prefixed: bool
    operation: str


def rights_of(role: Role, prefix: str) -> tuple[Right, ...]:
    """Return every right that a role needs, each once, in order."""
    found = {*_topics(role, prefix), *_groups(role, prefix), *_others(role, prefix)}
    if role.replays:
        found |= set(_replays())
    return tuple(sorted(found))


def _topics(role: Role, prefix: str) -> Iterator[Right]:
    names = TopicNames(prefix)
    for topic in TOPICS if role.sees_all else ():
        yield _on_topic(names.of(topic.name), "Describe")
    for name in role.reads:
        yield _on_topic(names.of(name), "Read")
    for name in role.writes:
        yield _on_topic(names.of(name), "Write")
    for name in role.letters:
        yield _on_topic(names.dlq(names.of(name)), "Write")
    for name in DEAD_LETTERED if role.letters_too else ():
        yield _on_topic(names.dlq(names.of(name)), "Read")
    for name in role.reads if role.letters_too else ():
        yield _on_topic(names.of(name), "DescribeConfigs")
    if role.rules:
        for name in (*(topic.name for topic in TOPICS), *DEAD_LETTERED):
            for full in (names.of(name), names.dlq(names.of(name))):
                for operation in ("Create", "Delete", "Alter", "DescribeConfigs", "AlterConfigs"):
                    yield _on_topic(full, operation)


def _groups(role: Role, prefix: str) -> Iterator[Right]:
    if role.service:
        yield Right(kind="group", name=f"{prefix}signaltape-{role.service}", prefixed=False, operation="Read")
    for service in role.watches:
        yield Right(kind="group", name=f"{prefix}signaltape-{service}", prefixed=False, operation="Describe")
        if role.rules:
            for operation in ("Read", "Delete"):
                yield Right(kind="group", name=f"{prefix}signaltape-{service}", prefixed=False, operation=operation)
    if role.reads:
        # Clients that read by themselves name a group all the same, and ask who coordinates it.
        for stem in ("read-", "reader-", "watch-", "signaltape-probe", "signaltape-monitor"):
            yield Right(kind="group", name=stem, prefixed=True, operation="Describe")


def _others(role: Role, prefix: str) -> Iterator[Right]:
    if role.transactional:
        name = f"{prefix}signaltape-{role.transactional}"
        for operation in ("Describe", "Write"):
            yield Right(kind="transactional-id", name=name, prefixed=True, operation=operation)
    if role.letters_too:
        yield Right(kind="cluster", name=CLUSTER, prefixed=False, operation="Describe")
    if role.rules:
        yield Right(kind="cluster", name=CLUSTER, prefixed=False, operation="DescribeConfigs")


def _replays() -> Iterator[Right]:
    kinds: tuple[Kind, ...] = ("topic", "group", "transactional-id")
    for kind in kinds:
        yield Right(kind=kind, name=REPLAYS, prefixed=True, operation="All")


def _on_topic(name: str, operation: str) -> Right:
    return Right(kind="topic", name=name, prefixed=False, operation=operation)
