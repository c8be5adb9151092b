"""Changes of a stored record that are undone afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from infra.settings import Settings
from infra.warehouse import connect
from signaltape.verification.plan import Question
from signaltape.verification.verifying import Verification, verify
from tests.support.explained_run import CHANGED, at


def rows(settings: Settings, query: str, *values: object) -> list[Any]:
    with connect(settings) as connection:
        return connection.execute(query.encode(), values or None).fetchall()


@contextmanager
def planted(settings: Settings, table: str, statement: str, *values: object, count: int | None = 1) -> Iterator[None]:
    """Run a statement that changes ``count`` rows (None: any) of a small table; its rows are put back afterwards."""
    kept = f"kept_{table}"
    with connect(settings) as connection:
        connection.execute(f"CREATE TABLE {kept} AS TABLE {table}".encode())
        try:
            changed = connection.execute(statement.encode(), values or None).rowcount
            assert changed == count or (count is None and changed), (statement, changed)
            yield
        finally:
            with connection.transaction():
                connection.execute(f"DELETE FROM {table}".encode())
                connection.execute(f"INSERT INTO {table} SELECT * FROM {kept}".encode())
                connection.execute(f"DROP TABLE {kept}".encode())


@contextmanager
def changed(settings: Settings, do: str, undo: str, *was: object) -> Iterator[None]:
    """Run ``do``, which changes one row, and afterwards ``undo`` with what it was."""
    with connect(settings) as connection:
        assert connection.execute(do.encode()).rowcount == 1, do
        try:
            yield
        finally:
            connection.execute(undo.encode(), was or None)


def ask(settings: Settings, first: int = 0, last: int = CHANGED, **more: Any) -> Verification:
    """Verify the bars of ``explained_run`` from one to another."""
    return verify(settings, Question(start=at(first), end=at(last), **more))
