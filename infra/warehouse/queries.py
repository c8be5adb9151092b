"""Named queries: SQL lives in `sql/*.sql`, each statement below a line `-- name: <name>`."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import LiteralString

_MARK = "-- name:"


@cache
def queries(group: str) -> Mapping[str, LiteralString]:
    """The statements of `sql/<group>.sql` by name; KeyError from the mapping names what is missing."""
    text = resources.files("infra.warehouse").joinpath("sql", f"{group}.sql").read_text()
    found = named_statements(text, f"sql/{group}.sql")
    # The text comes from this package's own files, never from input.
    return MappingProxyType(found)


def named_statements(text: str, source: str) -> dict[str, str]:
    """Statements of ``text`` by name; ValueError names a name that ``source`` has twice."""
    found: dict[str, str] = {}
    for part in text.split(_MARK)[1:]:
        name, _, statement = part.partition("\n")
        if name.strip() in found:
            raise ValueError(f"{source} has two statements named {name.strip()!r}")
        found[name.strip()] = statement.strip().rstrip(";")
    return found
