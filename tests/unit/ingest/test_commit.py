"""Commits of the ingest: only what is acknowledged, and what happens while Kafka is away."""

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from consumers.ingest.commits import Commits
from consumers.ingest.position import Position
from infra.broker.errors import BrokerError
from infra.telemetry.health import Health

PLACE = ("bars-in", 0)


class Committed:
    """A consumer that notes commits, or answers with an error."""

    def __init__(self, code: int | None = None) -> None:
        self.code, self.offsets = code, []  # type: ignore[var-annotated]

    def commit(self, offsets: Any, asynchronous: bool) -> None:
        if self.code is not None:
            raise KafkaException(KafkaError(self.code))
        self.offsets += [(one.topic, one.partition, one.offset, one.metadata) for one in offsets]


def commits_to(consumer: Any) -> Commits:
    return Commits(consumer, {"bars-in": "id"}, 0.0, Health(), {})


@pytest.mark.parametrize("code", [KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError.COORDINATOR_NOT_AVAILABLE])
def test_a_commit_that_fails_for_now_is_left_to_a_later_round(code: int) -> None:
    consumer = Committed(code)
    commits = commits_to(consumer)
    commits.sent({PLACE: Position(7, 5)})
    commits.acknowledged()
    commits.commit()
    consumer.code = None
    commits.commit()
    assert consumer.offsets == [("bars-in", 0, 7, '{"topic":"id","newest":5}')]


def test_a_commit_that_is_refused_ends_the_ingest() -> None:
    commits = commits_to(Committed(KafkaError.GROUP_AUTHORIZATION_FAILED))
    commits.sent({PLACE: Position(7)})
    commits.acknowledged()
    with pytest.raises(BrokerError, match="can't be committed"):
        commits.commit()


def test_what_is_not_acknowledged_is_never_committed() -> None:
    consumer = Committed()
    commits = commits_to(consumer)
    commits.sent({PLACE: Position(7)})
    commits.commit(force=True)
    assert consumer.offsets == []
    commits.acknowledged()
    commits.sent({PLACE: Position(9)})
    commits.commit(force=True)
    assert [offset for _, _, offset, _ in consumer.offsets] == [7]
