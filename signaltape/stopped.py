"""Waiting until a service that was stopped is no longer counted in by Kafka."""

import time
from collections.abc import Callable
from typing import TypeVar

from infra.broker.errors import BrokerError
from infra.errors import OperatorError

Result = TypeVar("Result")

#: A member that was killed is counted in until its session times out.
_STOPPED_S = 30.0
_EVERY_S = 0.5


def when_stopped(operation: Callable[[], Result], service: str, refused: type[OperatorError]) -> Result:
    """Repeat ``operation``, which fails while ``service``'s group has members; raise ``refused`` if it keeps some."""
    end = time.monotonic() + _STOPPED_S
    while True:
        try:
            return operation()
        except BrokerError as error:
            if time.monotonic() >= end:
                raise refused(f"{error}. Is {service} still running?") from error
        time.sleep(_EVERY_S)
