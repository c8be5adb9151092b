"""The three servers of a stack, with everything that they need fetched and built."""

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from infra.stack import jars
from infra.stack.accounts import Account
from infra.stack.artifacts import exclusive
from infra.stack.broker import Broker
from infra.stack.config import Endpoints, Ports, StackConfig
from infra.stack.database import DatabaseServer
from infra.stack.installation import ensure_installation
from infra.stack.java import find_java
from infra.stack.keyvalue import KeyValueServer
from infra.stack.process import write_private


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """Servers that can be started. notice: what the operator must know about them (no TimescaleDB), else None."""

    kafka: Broker
    postgres: DatabaseServer
    redis: KeyValueServer
    notice: str | None

    def describe(self) -> Endpoints:
        """Where the running servers answer and what they are, as they say themselves."""
        postgres_version, timescale_version, timescale_license = self.postgres.versions()
        return Endpoints(
            bootstrap_servers=self.kafka.bootstrap_servers,
            postgres_dsn=self.postgres.dsn,
            redis_url=self.redis.url,
            kafka_version=jars.kafka_version(),
            postgres_version=postgres_version,
            redis_version=self.redis.version,
            timescale_version=timescale_version,
            timescale_license=timescale_license,
        )


def assemble(config: StackConfig, ports: Ports, account: Account | None, progress: Callable[[str], None]) -> Assembly:
    """Fetch the jars beside building the Postgres installation; what is there already takes no time."""
    with ThreadPoolExecutor(1) as pool:
        jar_folder = pool.submit(jars.ensure_jars, config.cache, progress)
        java = find_java()
        installation = ensure_installation(config.cache, config.require_timescale, progress)
        broker = Broker(config, ports, jar_folder.result(), java)
    password = _password(config)
    return Assembly(
        kafka=broker,
        postgres=DatabaseServer(config, ports.postgres, password, installation, account),
        redis=KeyValueServer(config, ports.redis, password),
        notice=installation.notice,
    )


def _password(config: StackConfig) -> str:
    """The password of a data folder, at first the one of its cache: on a shared machine loopback is open to every user.

    It stays with the data, so that a cleared cache does not lock anyone out of it.
    """
    own, shared = config.data / "password", config.cache / "password"
    if not own.exists():
        with exclusive(config.cache / ".password.lock"):
            if not shared.exists():
                write_private(shared, secrets.token_urlsafe(24))
        write_private(own, shared.read_text())
    return own.read_text()
