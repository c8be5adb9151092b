"""What `signaltape doctor` looks at: this machine, and the servers that the settings name."""

import os
import platform
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from infra.settings import Settings
from infra.stack import extension_build
from infra.stack.accounts import require_reachable, unprivileged_account
from infra.stack.config import StackConfig
from infra.stack.errors import StackError
from infra.stack.java import find_java
from infra.stack.keyvalue import find_redis
from infra.stack.ports import is_free

_LOWEST_FREE_GB = 3.0
_LOWEST_OFFSETS_RETENTION_MINUTES = 365 * 24 * 60


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing looked at: `fail` needs action, `notice` is worth knowing, `skipped` says why in `detail`."""

    name: str
    state: Literal["ok", "notice", "fail", "skipped"]
    detail: str


def machine_checks(config: StackConfig) -> list[Check]:
    """Whether this machine can run the local stack."""
    return [
        Check(name="python", state="ok", detail=f"{platform.python_version()} on {platform.platform()}"),
        _attempt("java", _java),
        _attempt("redis-server", lambda: "{} ({})".format(*find_redis())),
        _attempt("postgres account", lambda: _account(config)),
        _timescale(config),
        _disk(config.data),
        *_ports(config),
    ]


def server_checks(settings: Settings) -> list[Check]:
    """Whether the servers that the settings name answer, and are set as the product needs it."""
    return [_broker(settings), _database(settings), _database_roles(settings), _key_value(settings)]


def _attempt(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name=name, state="ok", detail=look())
    except StackError as error:
        return Check(name=name, state="fail", detail=error.why)


def _java() -> str:
    java = find_java()
    return f"{java.path} (version {java.major})"


def _account(config: StackConfig) -> str:
    account = unprivileged_account()
    require_reachable(config.data, account)
    return f"runs as user {account.name}" if account else "runs as this user"


def _timescale(config: StackConfig) -> Check:
    name = "timescaledb"
    if any(config.cache.glob(f"postgres-*-timescaledb-{extension_build.VERSION}")):
        return Check(name=name, state="ok", detail=f"{extension_build.VERSION} is built in {config.cache}")
    missing = extension_build.missing_tools()
    if missing is not None:
        return Check(name=name, state="notice", detail=f"plain Postgres will be used: {missing}")
    return Check(name=name, state="ok", detail="will be built at the first start")


def _disk(folder: Path) -> Check:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free / 1e9
    writable = os.access(existing, os.W_OK)
    state: Literal["ok", "fail"] = "ok" if free >= _LOWEST_FREE_GB and writable else "fail"
    return Check(
        name="data folder",
        state=state,
        detail=f"{folder}: {free:.0f} GB free{'' if writable else ', not writable for this user'}",
    )


def _ports(config: StackConfig) -> Sequence[Check]:
    from infra.stack.stack import SERVER_NAMES, Stack

    stack = Stack(config, detached=True)
    checks = []
    for name in SERVER_NAMES:
        port, title = getattr(config.ports, name), f"{name} port"
        if stack.process_id(name) is not None:
            checks.append(Check(name=title, state="skipped", detail="the local stack's server runs"))
        elif port == 0 or is_free(port):
            checks.append(Check(name=title, state="ok", detail=f"{port} is free" if port else "any free one"))
        else:
            detail = f"{port} is taken by another program; set SIGNALTAPE_STACK__{name.upper()}_PORT"
            checks.append(Check(name=title, state="fail", detail=detail))
    return checks


def _broker(settings: Settings) -> Check:
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import (  # type: ignore[attr-defined]
        ConfigResource,
        ResourceType,
    )

    from infra.broker.handshake import HandshakeRefused, checked_client

    name, servers = "kafka", settings.kafka.bootstrap_servers
    options = {**settings.kafka.options, "bootstrap.servers": servers, "log_level": 0}
    try:
        client = checked_client(settings, options)
    except HandshakeRefused as error:
        return Check(name=name, state="fail", detail=str(error))
    try:
        nodes = client.describe_cluster(request_timeout=5.0).result(6.0).nodes
        resource = ConfigResource(ResourceType.BROKER, str(nodes[0].id))
        found = client.describe_configs([resource], request_timeout=5.0)[resource].result(6.0)
    except (KafkaException, TimeoutError):
        return Check(name=name, state="skipped", detail=f"does not answer at {servers} (`signaltape up` starts one)")
    minutes = int(found["offsets.retention.minutes"].value)
    if minutes < _LOWEST_OFFSETS_RETENTION_MINUTES:
        detail = (
            f"{servers}: offsets.retention.minutes is {minutes}: a group that is idle for that long loses its place;"
            f" set at least {_LOWEST_OFFSETS_RETENTION_MINUTES} on every broker"
        )
        return Check(name=name, state="fail", detail=detail)
    return Check(name=name, state="ok", detail=f"{len(nodes)} broker(s) at {servers}")


def _database(settings: Settings) -> Check:
    import psycopg

    query = "SELECT version(), current_setting('timescaledb.license', true)"
    try:
        with psycopg.connect(settings.postgres.dsn, connect_timeout=5) as connection:
            row = connection.execute(query).fetchone()
    except psycopg.OperationalError:
        return Check(name="postgres", state="skipped", detail="does not answer (`signaltape up` starts one)")
    version, licence = row or ("", None)
    extension = f"TimescaleDB licence {licence}" if licence else "no TimescaleDB: plain tables"
    return Check(name="postgres", state="ok" if licence else "notice", detail=f"{version.split(',')[0]}; {extension}")


def _database_roles(settings: Settings) -> Check:
    """Whether the group roles are there and have what they need; only once `signaltape init` has made the tables."""
    import psycopg

    from infra.warehouse.errors import WarehouseError
    from infra.warehouse.roles import database_roles

    name = "postgres roles"
    try:
        user, mine, report = database_roles(settings)
    except (WarehouseError, psycopg.Error):
        return Check(name=name, state="skipped", detail="Postgres does not answer")
    if report.notice is not None:
        return Check(name=name, state="notice", detail=report.notice)
    return Check(name=name, state="ok", detail=f"this user, {user}, is a member of {', '.join(mine) or 'none'}")


def _key_value(settings: Settings) -> Check:
    import redis

    try:
        with redis.Redis.from_url(settings.redis.url, socket_timeout=5) as client:
            version = client.info("server")["redis_version"]
    except redis.RedisError:
        return Check(name="redis", state="skipped", detail="does not answer (`signaltape up` starts one)")
    return Check(name="redis", state="ok", detail=f"version {version}")
