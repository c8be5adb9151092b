"""The page about tables and views, made from a database's own catalogue.

    python -m tests.support.table_reference > docs/operations/tables.md

starts the servers for it.
"""

import re
from pathlib import Path
from typing import Any

import psycopg

from infra.settings import load_settings

_MIGRATIONS = Path(__file__).parents[2] / "infra" / "warehouse" / "migrations"

_HEAD = """\
# Tables and views

This page is made from the database's own catalogue (`\\d+` in `psql` shows the same): what a table holds stands there
as its comment. A test compares it with a fresh database. All times are `timestamptz`, to the microsecond; an event time
is a bar's close. Derived rows are never changed: a correction is a further row with a higher `revision`.

Connect with the DSN that `signaltape config show` names (password masked; it is in the setting itself):

```sh no-run (opens an interactive program)
psql "$SIGNALTAPE_POSTGRES__DSN"
```

A hypertable is cut into chunks along the column named; `SELECT show_chunks('bars')` lists them. On plain Postgres they
are ordinary tables. *Kept* says how long rows stay where TimescaleDB has its own licence, which compresses chunks a
week after they are complete and drops old ones; elsewhere nothing is dropped, and `drop_chunks` is the operator's to
call. Never drop `bars`, `log_events`, `control_applied`, `deployments` or `digests`: `verify` and `replay` need them.
"""

_RELATIONS = """
SELECT c.relname, c.relkind, coalesce(obj_description(c.oid, 'pg_class'), ''),
       coalesce((SELECT string_agg(a.attname, ', ' ORDER BY place.at)
                 FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS place (number, at)
                 JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = place.number
                 WHERE i.indrelid = c.oid AND i.indisprimary), ''),
       (SELECT string_agg(a.attname, ', ' ORDER BY a.attnum) FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'v', 'p')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.relname
"""
_CHUNKS = """
SELECT hypertable_name, column_name, time_interval FROM timescaledb_information.dimensions
WHERE hypertable_schema = current_schema()
"""


def page(dsn: str) -> str:
    """The page as it should be, from a database with the newest schema and TimescaleDB."""
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(_RELATIONS).fetchall()
        chunks = {name: (column, interval.days) for name, column, interval in connection.execute(_CHUNKS)}
    dropped = _retention()
    lines = [_HEAD, "## Tables", "", "| table | holds | key | chunks | kept |", "|---|---|---|---|---|"]
    lines += [_table(row, chunks, dropped) for row in rows if row[1] != "v"]
    lines += ["", "## Views", "", "| view | holds | columns |", "|---|---|---|"]
    lines += [f"| `{row[0]}` | {_text(row[2])} | {row[4]} |" for row in rows if row[1] == "v"]
    return "\n".join(lines) + "\n"


def silent(dsn: str) -> list[str]:
    """Tables and views without a comment."""
    with psycopg.connect(dsn) as connection:
        return [row[0] for row in connection.execute(_RELATIONS) if not row[2]]


def _table(row: tuple[Any, ...], chunks: dict[str, tuple[str, int]], dropped: dict[str, str]) -> str:
    name, _, comment, key, _ = row
    cut = "{} by {} days".format(*chunks[name]) if name in chunks else ""
    return f"| `{name}` | {_text(comment)} | {key} | {cut} | {dropped.get(name, 'for ever')} |"


def _text(comment: str) -> str:
    return comment.replace("|", "\\|")


def _retention() -> dict[str, str]:
    """Table → how long its rows are kept, as the migrations say to TimescaleDB."""
    found = {}
    for path in sorted(_MIGRATIONS.glob("*.sql")):
        text = path.read_text()
        policy = r"add_retention_policy\((.+?), drop_created_before => INTERVAL '([^']+)'\)(.*?);"
        for which, age, behind in re.findall(policy, text, re.DOTALL):
            names = re.findall(r"'(\w+)'", behind if which.startswith("name") else which)
            found.update(dict.fromkeys(names, age))
    return found


if __name__ == "__main__":
    from infra.warehouse import migrate
    from tests.support import isolation, providers

    with providers.session_stack() as stack:
        fresh = isolation.create_database(stack.endpoints, isolation.unique_name())
        migrate(load_settings(postgres={"dsn": fresh}))
        print(page(fresh), end="")
