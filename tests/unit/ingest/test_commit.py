"""Commits of the ingest while Kafka is away."""

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from consumers.ingest.loop import IngestLoop
from infra.broker.errors import BrokerError


def loop_whose_commit_fails(code: int) -> Any:
    def commit(**_: Any) -> None:
        raise KafkaException(KafkaError(code))

    return SimpleNamespace(
        _committed_at=0.0, _committed={}, _next={("bars-in", 0): 7}, _ingest=SimpleNamespace(commit_every_s=0.0),
        _names=SimpleNamespace(bars_in="bars-in"), _merge=SimpleNamespace(first_held=dict),
        _consumer=SimpleNamespace(commit=commit),
    )  # fmt: skip


@pytest.mark.parametrize("code", [KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError.COORDINATOR_NOT_AVAILABLE])
def test_a_commit_that_fails_for_now_is_left_to_a_later_round(code: int) -> None:
    loop = loop_whose_commit_fails(code)
    IngestLoop._commit(loop)
    assert loop._committed == {}


def test_a_commit_that_is_refused_ends_the_ingest() -> None:
    with pytest.raises(BrokerError, match="can't be committed"):
        IngestLoop._commit(loop_whose_commit_fails(KafkaError.GROUP_AUTHORIZATION_FAILED))
