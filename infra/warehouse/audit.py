"""The audit of changing calls over HTTP: rows that are added and never changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from infra.warehouse.connection import Connection
from infra.warehouse.queries import queries


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditLine:
    """One line: ``outcome`` of a ``call`` by ``who`` (a token's name, empty where none was accepted) from ``client``.

    ``request_id`` is the same in all lines of a call; ``detail`` holds what it concerned and why.
    """

    request_id: str
    who: str
    client: str
    call: str
    outcome: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredLine(AuditLine):
    """A line with its number and the moment it was stored."""

    id: int
    at: datetime


def add_line(connection: Connection, prefix: str, line: AuditLine) -> None:
    """Add a line about the topics of ``prefix``. NUL, which Postgres can't store, is shown as U+FFFD."""
    values = {name: _storable(getattr(line, name)) for name in ("request_id", "who", "client", "call", "outcome")}
    detail = Jsonb({str(key): _storable(value) for key, value in line.detail.items()})
    connection.execute(queries("audit")["add"], {**values, "prefix": prefix, "detail": detail})


def newest_lines(
    connection: Connection, prefix: str, *, limit: int, who: str = "", before: int = 0
) -> list[StoredLine]:
    """Return the newest lines, newest first; ``before`` (a line's id) goes on where another answer ended."""
    values = {"prefix": prefix, "limit": limit, "who": who, "before": before}
    names = ("id", "at", "request_id", "who", "client", "call", "outcome", "detail")
    rows = connection.execute(queries("audit")["newest"], values)
    return [StoredLine(**dict(zip(names, row, strict=True))) for row in rows]


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, list | tuple):
        return [_storable(one) for one in value]
    return value if value is None or isinstance(value, bool | int | float) else _storable(str(value))
