"""Reads for people who look at a page: read-only, in one transaction, and ended by the server after a while."""

from collections.abc import Callable
from typing import TypeVar

import psycopg

from infra.settings import Settings
from infra.warehouse.connection import Connection, connect, where
from infra.warehouse.errors import WarehouseError, WarehouseUnavailable
from infra.warehouse.queries import queries

Result = TypeVar("Result")


class TooLong(WarehouseError):
    """A statement was ended because it took too long; nothing else is wrong."""


class NoTables(WarehouseError):
    """The tables aren't there yet."""


def read_bounded(settings: Settings, work: Callable[[Connection], Result], *, patience_s: float) -> Result:
    """Run ``work`` in a read-only transaction of a connection of its own, each statement of ``patience_s`` at the most.

    Raises TooLong, NoTables, WarehouseUnavailable.
    """
    with connect(settings, name="signaltape-console") as connection:
        try:
            with connection.transaction():
                connection.execute(queries("console")["bounds"], {"patience": f"{patience_s * 1000:.0f}ms"})
                return work(connection)
        except psycopg.errors.QueryCanceled as error:
            raise TooLong(f"Postgres did not answer this within {patience_s:g} s: ask for a shorter range") from error
        except psycopg.errors.UndefinedTable as error:
            raise NoTables("there are no tables yet: `signaltape init` makes them") from error
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise WarehouseUnavailable(f"Postgres was lost at {where(settings)}: {str(error).strip()}") from error
