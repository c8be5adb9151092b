"""Users of the database who log in and have one of the product's roles, and nothing else."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import sql
from psycopg.conninfo import make_conninfo

from infra.settings import Settings
from infra.warehouse import connect


@contextmanager
def database_user(settings: Settings, role: str) -> Iterator[Settings]:
    """Make a user with ``role``; the settings with which a process logs in as that user."""
    name, password = f"user_{secrets.token_hex(5)}", secrets.token_hex(12)
    user, group = sql.Identifier(name), sql.Identifier(role)
    with connect(settings) as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(user, sql.Literal(password)))
        admin.execute(sql.SQL("GRANT {} TO {}").format(group, user))
    dsn = make_conninfo(settings.postgres.dsn, user=name, password=password)
    try:
        yield settings.model_copy(update={"postgres": settings.postgres.model_copy(update={"dsn": dsn})})
    finally:
        with connect(settings) as admin:
            admin.execute(sql.SQL("DROP ROLE {}").format(user))
