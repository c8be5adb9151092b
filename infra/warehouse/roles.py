"""Least privilege: the group roles of a database, and what each of them may do with which table.

Migration 0024 makes the roles where the migrating user may; an administrator grants them to the users that log in
(``GRANT signaltape_writer TO …``). Nobody but the owner makes, changes or drops a table: `signaltape init` runs as
the owner, everything else can run as a member of one of these. What is a record is append-only for all of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import psycopg
from psycopg import sql

from infra.settings import Settings
from infra.warehouse.connection import Connection, connect
from infra.warehouse.queries import queries

READER, RESEARCHER, WRITER, OPERATOR = (
    "signaltape_reader",
    "signaltape_researcher",
    "signaltape_writer",
    "signaltape_operator",
)
#: Role → who works with it.
ROLES: Mapping[str, str] = MappingProxyType(
    {
        READER: "dashboards and people who look",
        RESEARCHER: "builds data sets, trains, registers and compares models, writes features",
        WRITER: "the services ingest, features, inference, store, drift and responder",
        OPERATOR: "every command but `init` and `replay`, and the services api and daily",
    }
)
#: Not for everybody who may look: who asked for what, from where.
_CONFIDENTIAL = frozenset({"api_audit"})

_ADD, _CHANGE, _REMOVE = "INSERT", "UPDATE", "DELETE"
_Rights = Mapping[str, tuple[str, ...]]

_SERVICES: _Rights = {
    **dict.fromkeys(
        (
            "bars", "log_events", "feature_sets", "feature_set_beginnings", "features", "returns", "engine_snapshots",
            "predictions", "model_calls", "signals", "digests", "deployments", "drift_metrics", "prepare_answers",
            "model_approvals",
        ),
        (_ADD,),
    ),
    "checkpoints": (_CHANGE,),
    "alerts": (_ADD, "UPDATE (published_at)"),
    "control_applied": (_ADD, "UPDATE (late)"),
    **dict.fromkeys(
        ("agent_state", "feature_writers", "repair_requests", "alert_deliveries", "guarded_steps"), (_ADD, _CHANGE)
    ),
    "serving_instances": (_ADD, _CHANGE, _REMOVE),
}  # fmt: skip
_RESEARCH: _Rights = {
    **dict.fromkeys(
        ("datasets", "models", "model_artifacts", "model_metrics", "model_comparisons", "feature_definitions",
         "feature_values"),
        (_ADD,),
    ),
    "model_training_runs": (_ADD, _CHANGE),
}  # fmt: skip
_DECISIONS: _Rights = {
    **dict.fromkeys(("model_stages", "drift_revisions", "api_audit"), (_ADD,)),
    "models": (_ADD, "UPDATE (removed_at, removed_by, removed_reason)"),
    "checkpoints": (_ADD, _CHANGE),
    **dict.fromkeys(
        ("prepare_requests", "guard_vetoes", "retraining_cycles", "daily_runs", "drift_revised_sessions", "backfills"),
        (_ADD, _CHANGE),
    ),
    "added_sets": (_ADD, _CHANGE, _REMOVE),
    "agent_state": (_ADD, _CHANGE, _REMOVE),
}
#: Role → table → what it may do there beside reading.
WRITES: Mapping[str, _Rights] = MappingProxyType(
    {
        READER: {},
        RESEARCHER: _RESEARCH,
        WRITER: _SERVICES,
        OPERATOR: {**_RESEARCH, **_SERVICES, **_DECISIONS},
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class RoleReport:
    """absent: roles that the server doesn't have. missing: (role, privilege, table) not granted in this schema."""

    absent: tuple[str, ...]
    missing: tuple[tuple[str, str, str], ...]

    @property
    def notice(self) -> str | None:
        """What an administrator should know, None if nothing."""
        if self.absent:
            return (
                f"the roles {', '.join(self.absent)} are not there, and this user may not create them: services can "
                "only run as the tables' owner. Let an administrator run "
                + " ".join(f"CREATE ROLE {role} NOLOGIN;" for role in self.absent)
                + " then run `signaltape init` again"
            )
        if self.missing:
            role, privilege, table = self.missing[0]
            return (
                f"{len(self.missing)} privileges are not granted ({privilege} on {table} to {role} …): run "
                "`signaltape init` as the tables' owner"
            )
        return None


def wanted(relations: Sequence[str], roles: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Yield (role, privilege, table or view) of all that the roles are to have on these tables and views."""
    for role in roles:
        for relation in relations:
            if relation not in _CONFIDENTIAL or role == OPERATOR:
                yield role, "SELECT", relation
            for privilege in WRITES[role].get(relation, ()):
                yield role, privilege, relation


def look(connection: Connection) -> RoleReport:
    """Return what of the roles is not there in the connection's schema."""
    named = queries("roles")
    found = {str(row[0]) for row in connection.execute(named["existing"], {"roles": list(ROLES)})}
    relations = [str(row[0]) for row in connection.execute(named["relations"])]
    asked = list(wanted(relations, [role for role in ROLES if role in found]))
    values = {
        "roles": [role for role, _, _ in asked],
        "privileges": [privilege.partition(" ")[0] for _, privilege, _ in asked],
        "columns": [privilege.partition(" ")[2].strip("()") for _, privilege, _ in asked],
        "relations": [relation for _, _, relation in asked],
    }
    places = [int(row[0]) for row in connection.execute(named["missing"], values)]
    return RoleReport(
        absent=tuple(role for role in ROLES if role not in found), missing=tuple(asked[place - 1] for place in places)
    )


def grant(connection: Connection) -> RoleReport:
    """Grant what is missing, as far as this user may, and return what still is. Part of the caller's transaction."""
    before = look(connection)
    roles = [role for role in ROLES if role not in before.absent]
    named = queries("roles")
    for schema, role in connection.execute(named["closed schema"], {"roles": roles}).fetchall():
        names = {"schema": sql.Identifier(schema), "role": sql.Identifier(role)}
        _attempt(connection, sql.SQL(named["open schema"]).format(**names))
    together: dict[tuple[str, str], list[str]] = {}
    for role, privilege, relation in before.missing:
        together.setdefault((role, privilege), []).append(relation)
    for (role, privilege), relations in together.items():
        statement = sql.SQL(named["grant"]).format(
            # From the tables above, never from input.
            privilege=sql.SQL(privilege),
            relations=sql.SQL(", ").join(map(sql.Identifier, relations)),
            role=sql.Identifier(role),
        )
        _attempt(connection, statement)
    return look(connection) if together else before


def _attempt(connection: Connection, statement: sql.Composed) -> None:
    """Run a statement, which may be refused to this user."""
    try:
        with connection.transaction():
            connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege:
        return


def database_roles(settings: Settings) -> tuple[str, tuple[str, ...], RoleReport]:
    """Return the user of ``postgres.dsn``, the roles that it is a member of, and what is missing. Raises as connect."""
    with connect(settings, name="signaltape-roles") as connection:
        user, mine = connection.execute(queries("roles")["mine"], {"roles": list(ROLES)}).fetchone() or ("", [])
        return str(user), tuple(mine), look(connection)


def role_table() -> str:
    """The roles as Markdown, as docs/operations/security.md has them."""
    lines = ["| role | for | reads | adds rows to | changes rows of | removes rows of |", "|---|---|---|---|---|---|"]
    for role, purpose in ROLES.items():
        kinds: dict[str, list[str]] = {_ADD: [], _CHANGE: [], _REMOVE: []}
        for table, privileges in sorted(WRITES[role].items()):
            for privilege in privileges:
                kind, _, columns = privilege.partition(" ")
                kinds[kind].append(f"`{table}`" + (f" {columns}" if columns else ""))
        reads = "all" if role == OPERATOR else "all but " + ", ".join(f"`{one}`" for one in sorted(_CONFIDENTIAL))
        cells = [", ".join(kinds[kind]) or "–" for kind in (_ADD, _CHANGE, _REMOVE)]
        lines.append(f"| `{role}` | {purpose} | {reads} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
