"""Which answers of a broker are asked for again."""

from concurrent.futures import Future
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from infra.broker.settling import settle


def answered(value: Any) -> dict[str, Future[Any]]:
    future: Future[Any] = Future()
    if isinstance(value, KafkaError):
        future.set_exception(KafkaException(value))
    else:
        future.set_result(value)
    return {"group": future}


def asked(*values: Any, inside: bool = False) -> tuple[dict[Any, Any] | int, int]:
    """What ``settle`` returns, or the code that it raises, for these answers in turn; and how many were asked for."""
    given = iter(values)
    counted: list[Any] = []

    def ask() -> dict[str, Future[Any]]:
        counted.append(next(given))
        return answered((counted[-1],) if inside else counted[-1])

    def errors_in(answers: dict[str, tuple[Any]]) -> list[KafkaError]:
        return [one for one in answers["group"] if isinstance(one, KafkaError)]

    try:
        return (settle(ask, errors_in) if inside else settle(ask)), len(counted)
    except KafkaException as error:
        return error.args[0].code(), len(counted)


@pytest.mark.parametrize("inside", [False, True])
def test_a_coordinator_that_is_just_coming_is_asked_again(inside: bool) -> None:
    passing = [KafkaError(code) for code in (KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_LOAD_IN_PROGRESS)]
    assert asked(*passing, "offsets", inside=inside) == ({"group": ("offsets",) if inside else "offsets"}, 3)


@pytest.mark.parametrize("inside", [False, True])
def test_a_refusal_is_raised_at_once(inside: bool) -> None:
    refusal = KafkaError(KafkaError.UNKNOWN_MEMBER_ID)
    assert asked(refusal, "offsets", inside=inside) == (KafkaError.UNKNOWN_MEMBER_ID, 1)
