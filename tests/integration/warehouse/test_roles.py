"""Least privilege in the database: what each group role can do, what it can't, and a server without the roles."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from infra.settings import Settings
from infra.stack.checks import server_checks
from infra.warehouse import connect, migrate, roles
from infra.warehouse.connection import Connection
from infra.warehouse.roles import OPERATOR, READER, RESEARCHER, ROLES, WRITER, WRITES
from tests.support.database_users import database_user

APPEND_ONLY = ("bars", "log_events", "features", "returns", "predictions", "signals", "digests", "drift_metrics",
               "deployments", "model_approvals", "feature_values", "model_stages")  # fmt: skip
ADD_DIGEST = (
    "INSERT INTO digests (stage, subject, interval, event_time, partition, origin, generation, next_offset, numerics,"
    " row_count, first_lane, second_lane) VALUES ('signals', '', '1m', %s, 0, 'live', 1, 1, '', 1, 1, 1)"
)
DENIED = psycopg.errors.InsufficientPrivilege


@pytest.fixture
def owner(settings: Settings) -> Iterator[Connection]:
    migrate(settings)
    with closing(connect(settings)) as connection:
        yield connection


@pytest.fixture
def login(settings: Settings, owner: Connection) -> Iterator[Callable[[str], Connection]]:
    """Makes a connection of a user that has one role."""
    with ExitStack() as users:

        def made(role: str) -> Connection:
            return users.enter_context(closing(connect(users.enter_context(database_user(settings, role)))))

        yield made


def tables(owner: Connection) -> list[str]:
    rows = owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    return [str(row[0]) for row in rows]


def views(owner: Connection) -> list[str]:
    return [str(row[0]) for row in owner.execute("SELECT viewname FROM pg_views WHERE schemaname = 'public'")]


def test_every_table_has_somebody_who_writes_it(owner: Connection) -> None:
    """A table of a later migration needs its line in roles.py, or only the owner could write it."""
    written = {table for rights in WRITES.values() for table in rights}
    assert written | {"schema_migrations"} == set(tables(owner))


def test_a_reader_reads_and_does_nothing_else(owner: Connection, login: Callable[[str], Connection]) -> None:
    reader = login(READER)
    for name in views(owner):
        reader.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(sql.Identifier(name)))
    for name in tables(owner):
        changes = ["DELETE FROM {}", "TRUNCATE {}", "DROP TABLE {}", "ALTER TABLE {} ADD x int"]
        statement = "SELECT * FROM {} LIMIT 0"
        if name == "api_audit":
            changes.append(statement)
        else:
            reader.execute(sql.SQL(statement).format(sql.Identifier(name)))
        for change in changes:
            with pytest.raises(DENIED):
                reader.execute(sql.SQL(change).format(sql.Identifier(name)))  # type: ignore[arg-type]
    with pytest.raises(DENIED):
        reader.execute(ADD_DIGEST, ("2024-01-02T00:00:00Z",))
    with pytest.raises(DENIED):
        reader.execute("CREATE TABLE mine (x int)")
    with pytest.raises(DENIED):
        reader.execute("SET ROLE signaltape_writer")


def test_nobody_but_the_owner_changes_a_record_or_a_table(
    owner: Connection, login: Callable[[str], Connection]
) -> None:
    for role in (WRITER, OPERATOR, RESEARCHER):
        connection = login(role)
        for name in APPEND_ONLY:
            for change in ("DELETE FROM {}", "TRUNCATE {}", "DROP TABLE {}", "ALTER TABLE {} ADD x int"):
                with pytest.raises(DENIED):
                    connection.execute(sql.SQL(change).format(sql.Identifier(name)))  # type: ignore[arg-type]
        with pytest.raises(DENIED):
            connection.execute("UPDATE signals SET score = 0")
        with pytest.raises(DENIED):
            connection.execute("UPDATE schema_migrations SET checksum = ''")


def test_rows_in_chunks_made_later_are_written_and_read(owner: Connection, login: Callable[[str], Connection]) -> None:
    writer, reader = login(WRITER), login(READER)
    for year in (2001, 2024):  # a chunk each
        writer.execute(ADD_DIGEST, (f"{year}-01-02T00:00:00Z",))
    assert reader.execute("SELECT count(*) FROM digests").fetchone() == (2,)
    with pytest.raises(DENIED):
        writer.execute("UPDATE digests SET row_count = 2")


def test_the_outbox_of_alerts_is_the_only_part_of_them_that_changes(
    owner: Connection, login: Callable[[str], Connection]
) -> None:
    writer = login(WRITER)
    writer.execute("UPDATE alerts SET published_at = now() WHERE alert_id = 'x'")
    with pytest.raises(DENIED):
        writer.execute("UPDATE alerts SET severity = 'info'")


def test_a_researcher_registers_and_cannot_promote(owner: Connection, login: Callable[[str], Connection]) -> None:
    researcher = login(RESEARCHER)
    researcher.execute("INSERT INTO models (name, version, manifest) VALUES ('m', 1, '{}')")
    for forbidden in ("INSERT INTO model_stages DEFAULT VALUES", "INSERT INTO model_approvals DEFAULT VALUES",
                      "UPDATE models SET manifest = '{}'", "INSERT INTO signals DEFAULT VALUES"):  # fmt: skip
        with pytest.raises(DENIED):
            researcher.execute(forbidden)  # type: ignore[arg-type]


def test_audit_rows_stay_as_they_are_for_the_owner_too(owner: Connection, login: Callable[[str], Connection]) -> None:
    operator = login(OPERATOR)
    add = "INSERT INTO api_audit (prefix, request_id, who, client, call, outcome) VALUES ('', '', 'w', '', '', 'asked')"
    operator.execute(add)
    for connection in (operator, owner):
        for change in ("UPDATE api_audit SET who = 'other'", "DELETE FROM api_audit", "TRUNCATE api_audit"):
            with pytest.raises(DENIED):
                connection.execute(change)
    assert operator.execute("SELECT who FROM api_audit").fetchall() == [("w",)]


def test_a_privilege_taken_away_is_seen_and_granted_again(settings: Settings, owner: Connection) -> None:
    assert roles.look(owner) == roles.RoleReport(absent=(), missing=())
    owner.execute(f"REVOKE SELECT ON signals FROM {READER}")  # type: ignore[arg-type]
    report = roles.look(owner)
    assert report.missing == ((READER, "SELECT", "signals"),)
    assert report.notice is not None
    assert "signaltape init" in report.notice
    # One column of several, as after a release that wants a further one.
    owner.execute(f"REVOKE UPDATE (removed_by) ON models FROM {OPERATOR}")  # type: ignore[arg-type]
    assert [(role, table) for role, _, table in roles.look(owner).missing] == [
        (READER, "signals"),
        (OPERATOR, "models"),
    ]
    migrate(settings)
    assert roles.look(owner).missing == ()


def test_a_schema_of_a_replay_is_opened_too(settings: Settings, owner: Connection) -> None:
    group = settings.postgres.model_copy(update={"db_schema": "replay_r1"})
    replayed = settings.model_copy(update={"postgres": group})
    migrate(replayed)
    with connect(replayed) as connection:
        assert roles.look(connection).missing == ()
    with database_user(replayed, READER) as reader, connect(reader) as connection:
        assert connection.execute("SELECT count(*) FROM bars").fetchone() == (0,)


def test_a_user_who_may_not_make_roles_migrates_and_is_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Roles of another name stand for those of a server that has none: its real ones belong to all databases of it."""
    prefix, name = f"absent_{secrets.token_hex(4)}_", f"plain_{secrets.token_hex(4)}"
    renamed = {f"{prefix}{role}": purpose for role, purpose in ROLES.items()}
    monkeypatch.setattr(roles, "ROLES", renamed)
    monkeypatch.setattr(roles, "WRITES", {f"{prefix}{role}": rights for role, rights in WRITES.items()})
    with connect(settings) as admin:
        admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'plain'")  # type: ignore[arg-type]
        try:
            database = settings.postgres.dsn.rpartition("/")[2]
            admin.execute(f"ALTER DATABASE {database} OWNER TO {name}")  # type: ignore[arg-type]
            admin.execute(f"ALTER SCHEMA public OWNER TO {name}")  # type: ignore[arg-type]
            dsn = make_conninfo(settings.postgres.dsn, user=name, password="plain")
            group = settings.postgres.model_copy(update={"dsn": dsn})
            report = migrate(settings.model_copy(update={"postgres": group}))
            assert report.notice is not None
            assert f"CREATE ROLE {prefix}{READER} NOLOGIN" in report.notice
        finally:
            admin.execute(f"REASSIGN OWNED BY {name} TO CURRENT_USER")  # type: ignore[arg-type]
            admin.execute(f"DROP OWNED BY {name}")  # type: ignore[arg-type]
            admin.execute(f"DROP ROLE {name}")  # type: ignore[arg-type]


def test_doctor_says_which_roles_the_user_has(settings: Settings, owner: Connection) -> None:
    with database_user(settings, WRITER) as writer:
        (check,) = [one for one in server_checks(writer) if one.name == "postgres roles"]
    assert (check.state, check.detail.rpartition(" ")[2]) == ("ok", WRITER)
    owner.execute(f"REVOKE INSERT ON signals FROM {WRITER}")  # type: ignore[arg-type]
    (check,) = [one for one in server_checks(settings) if one.name == "postgres roles"]
    assert check.state == "notice"
    assert "signaltape init" in check.detail
