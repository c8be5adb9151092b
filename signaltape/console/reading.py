"""What the routes of pages read out of Postgres: beside the event loop, bounded, and failures said as a page can."""

from collections.abc import Callable
from typing import TypeVar

from infra.errors import OperatorError
from infra.warehouse.bounded import NoTables, TooLong, read_bounded
from infra.warehouse.connection import Connection
from infra.warehouse.errors import WarehouseUnavailable
from signaltape.http.backend import Backend
from signaltape.serving.errors import ServingError

Result = TypeVar("Result")

#: Less than a request may take, so that the reason reaches the page.
PATIENCE_S = 4.0


async def read(backend: Backend, work: Callable[[Connection], Result], *, patience_s: float = PATIENCE_S) -> Result:
    """``work(connection)`` in a read-only transaction of at most ``patience_s`` a statement."""
    return await told(backend, lambda: read_bounded(backend.settings, work, patience_s=patience_s))


async def told(backend: Backend, call: Callable[[], Result]) -> Result:
    """What ``call`` returns, called in the pool; a failure that the operator can do something about in its words."""
    return await backend.reads.run(_told, call)


def _told(call: Callable[[], Result]) -> Result:
    try:
        return call()
    except (WarehouseUnavailable, ServingError):
        raise
    except TooLong as error:
        raise ServingError("too_long", str(error)) from error
    except NoTables as error:
        raise ServingError("no_tables", str(error)) from error
    except OperatorError as error:
        raise ServingError("cannot", str(error)) from error
