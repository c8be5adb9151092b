"""One secured place for the tests of this folder: SASL, TLS and ACLs, a user for each role, TLS to every server."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
import redis
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from infra.broker.acls import Permission, add_permissions
from infra.settings import Settings
from infra.stack import Endpoints
from infra.warehouse.roles import OPERATOR, READER, WRITER
from signaltape.initialisation import initialise
from signaltape.permissions import ROLES, rights_of
from tests.support.certificates import Authority
from tests.support.database_users import database_user
from tests.support.isolation import create_database, drop_database, isolated_settings, unique_name
from tests.support.providers import scratch_folder
from tests.support.secured_broker import ADMIN, SecuredBroker, secured_broker
from tests.support.tls_proxy import tls_proxy
from tests.support.waiting import wait_for

TOKEN = "a-token-of-annas-own"
#: Beside reading and writing keys: what the product asks of Redis.
REDIS_RULES = ("+@read", "+@write", "+@connection", "+@scripting", "+info")


#: Role in Kafka → role in Postgres, where it isn't the operator's.
_LOGINS = {
    **dict.fromkeys(("ingest", "features", "inference", "store", "drift", "responder"), WRITER),
    "monitor": READER,
}


@dataclass(frozen=True)
class SecuredPlace:
    """``admin`` may everything; ``users`` are settings by role, each with a Kafka user of its own."""

    broker: SecuredBroker
    authority: Authority
    admin: Settings
    users: dict[str, Settings]
    secrets: tuple[str, ...]


@pytest.fixture(scope="module")
def place(endpoints: Endpoints) -> Iterator[SecuredPlace]:
    """TLS everywhere, certificates of an authority that nothing else trusts, passwords that nothing else has."""
    folder, name = scratch_folder(), unique_name()
    with ExitStack() as held:
        held.callback(shutil.rmtree, folder, ignore_errors=True)
        broker = held.enter_context(secured_broker(folder / "kafka", [role.name for role in ROLES]))
        authority = Authority(folder / "servers")
        dsn = create_database(endpoints, name)
        held.callback(drop_database, endpoints, name)
        plain = conninfo_to_dict(dsn)
        port = held.enter_context(
            tls_proxy(authority.certificate("postgres"), str(plain["host"]), int(str(plain["port"])), postgres=True)
        )
        url, redis_word = held.enter_context(redis_user(endpoints, authority, f"{name}."))
        admin = isolated_settings(
            endpoints, folder / "home",
            make_conninfo(dsn, port=port, sslmode="verify-full", sslrootcert=str(authority.ca)), f"{name}.",
            kafka={"bootstrap_servers": broker.bootstrap_servers, "options": broker.options()},
            redis={"url": url}, topics={"prefix": f"{name}.", "partitions": 2},
            api={"port": 0, "tokens": {"anna": TOKEN}},
        )  # fmt: skip
        initialise(admin)
        permit(admin)
        logins = {login: held.enter_context(database_user(admin, login)) for login in (READER, WRITER, OPERATOR)}
        users = {role.name: user_settings(admin, broker, role.name, logins) for role in ROLES}
        words = [str(conninfo_to_dict(one.postgres.dsn)["password"]) for one in (admin, *logins.values())]
        words += [broker.options(user)["sasl.password"] for user in (ADMIN, *users)]
        yield SecuredPlace(broker, authority, admin, users, (*words, redis_word, TOKEN))


def permit(admin: Settings) -> None:
    """Give each role its rights; returns once the broker goes by all of them, which is a moment after it took them."""
    wanted = [
        Permission(principal=f"User:{role.name}", kind=one.kind, name=one.name, prefixed=one.prefixed,
                   operation=one.operation)
        for role in ROLES for one in rights_of(role, admin.topics.prefix)
    ]  # fmt: skip
    wait_for(lambda: not add_permissions(admin, wanted), 60, "every permission to be known")


def user_settings(admin: Settings, broker: SecuredBroker, role: str, logins: dict[str, Settings]) -> Settings:
    """Settings of a role's process: its own user of Kafka, and of Postgres what its work needs."""
    kafka = admin.kafka.model_copy(update={"options": broker.options(role)})
    return admin.model_copy(update={"kafka": kafka, "postgres": logins[_LOGINS.get(role, OPERATOR)].postgres})


@contextmanager
def redis_user(endpoints: Endpoints, authority: Authority, prefix: str) -> Iterator[tuple[str, str]]:
    """A user of Redis who may touch the keys of one prefix, behind TLS; its URL and its password."""
    server = urlsplit(endpoints.redis_url)
    name, word = f"user-{prefix}", "a-password-of-redis"
    with redis.Redis.from_url(endpoints.redis_url) as admin:
        admin.execute_command("ACL", "SETUSER", name, "on", f">{word}", f"~{prefix}*", *REDIS_RULES)
        try:
            with tls_proxy(authority.certificate("redis"), str(server.hostname), int(server.port or 0)) as port:
                yield f"rediss://{name}:{word}@127.0.0.1:{port}/0?ssl_ca_certs={authority.ca}", word
        finally:
            admin.execute_command("ACL", "DELUSER", name)
