"""Asking the broker until the answer is not one that passes by itself."""

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException

Result = TypeVar("Result")

_DEADLINE_S = 30.0
_RETRY_EVERY_S = 0.05
#: Answers of a broker that has just started, or of a topic that was just made: they pass.
_PASSING = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
        KafkaError._WAIT_COORD,
        KafkaError.UNSTABLE_OFFSET_COMMIT,
        KafkaError._TIMED_OUT,
    }
)
#: Answers while a broker is away.
_AWAY = frozenset({KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError.REQUEST_TIMED_OUT})


def passes(error: KafkaError) -> bool:
    """True if asking again later helps. (``KafkaError.retriable`` knows that of calls of transactions only.)"""
    return error.code() in _PASSING | _AWAY


def _settles(error: KafkaError) -> bool:
    return error.code() in _PASSING


def until_answered(
    call: Callable[[], Result], deadline_s: float = _DEADLINE_S, passing: Callable[[KafkaError], bool] = _settles
) -> Result:
    """Return what ``call`` returns once it raises no error that passes. Raises KafkaException for others.

    ``passing``: says which errors pass; by default those of a broker that answers, and not those of one that is away.
    """
    end = time.monotonic() + deadline_s
    while True:
        try:
            return call()
        except KafkaException as error:
            if not passing(error.args[0]) or time.monotonic() >= end:
                raise
        time.sleep(_RETRY_EVERY_S)


def settle(
    ask: Callable[[], Mapping[Any, Any]], errors_in: Callable[[dict[Any, Any]], list[KafkaError]] = lambda _: []
) -> dict[Any, Any]:
    """Ask until no answer is an error that passes; return the futures' results. Raises KafkaException for others.

    ``errors_in`` finds errors inside answers.
    """

    def answers() -> dict[Any, Any]:
        found = {key: future.result() for key, future in ask().items()}
        for error in errors_in(found):
            raise KafkaException(error)
        return found

    return until_answered(answers)
