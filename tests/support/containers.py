"""The session's servers as containers, where a Docker daemon answers: the same versions as the compose file."""

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import redis

from infra.stack import Endpoints
from infra.stack.jars import kafka_version
from infra.stack.ports import free_ports
from infra.stack.stack import ServerName
from tests.support.waiting import wait_for

COMPOSE = Path(__file__).parents[2] / "docker-compose.yml"
START_S = 180.0
PASSWORD = "signaltape"


def images() -> dict[ServerName, str]:
    """Images of the three servers, as the compose file pins them: tests and deployment run the same ones."""
    text = COMPOSE.read_text()
    starts: dict[ServerName, str] = {"kafka": "apache/kafka:", "postgres": "timescale/timescaledb:", "redis": "redis:"}
    words = [word.strip("\"'") for word in text.split()]
    return {name: next(word for word in words if word.startswith(start)) for name, start in starts.items()}


def daemon_fault() -> str | None:
    """None if a Docker daemon listens, else why it cannot be asked."""
    host = urlsplit(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"))
    unix = host.scheme == "unix"
    # Asked by hand: the Docker library leaves its socket open when nobody listens.
    with socket.socket(socket.AF_UNIX if unix else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(5.0)
        try:
            probe.connect(host.path if unix else (host.hostname, host.port or 2375))
        except OSError as error:
            return f"no Docker daemon answers at {host.geturl()}: {error}"
    return None


class ContainerStack:
    """Three containers with fixed host ports; data lives in the container and survives a restart of it."""

    def __init__(self) -> None:
        kafka, postgres, self._redis_port = free_ports(3)
        self.bootstrap_servers = f"127.0.0.1:{kafka}"
        self.postgres_dsn = f"postgresql://signaltape:{PASSWORD}@127.0.0.1:{postgres}/signaltape"
        self.redis_url = f"redis://127.0.0.1:{self._redis_port}/0"
        self._containers = {
            "kafka": self._kafka(kafka),
            "postgres": self._postgres(postgres),
            "redis": self._container("redis").with_bind_ports(6379, self._redis_port),
        }
        self.endpoints: Endpoints

    def start(self) -> None:
        """Start all three and wait until they answer."""
        for container in self._containers.values():
            container.start()
        for name in self._containers:
            self._await(name)
        self.endpoints = self._describe()

    def stop(self) -> None:
        """Remove all three."""
        for container in self._containers.values():
            container.stop()

    def kill(self, name: ServerName) -> None:
        """SIGKILL one server."""
        self._wrapped(name).kill()

    def stop_server(self, name: ServerName) -> None:
        """Stop one server in order."""
        self._wrapped(name).stop()

    def start_server(self, name: ServerName) -> None:
        """Start it again and wait until it answers."""
        self._wrapped(name).start()
        self._await(name)

    def restart(self, name: ServerName) -> None:
        """Stop it in order and start it again."""
        self.stop_server(name)
        self.start_server(name)

    def suspend(self, name: ServerName) -> None:
        """Freeze it."""
        self._wrapped(name).pause()

    def resume(self, name: ServerName) -> None:
        """Let it go on."""
        self._wrapped(name).unpause()

    def _wrapped(self, name: ServerName) -> Any:
        return self._containers[name].get_wrapped_container()

    @staticmethod
    def _container(name: ServerName) -> Any:
        from testcontainers.core.container import DockerContainer

        return DockerContainer(images()[name])

    def _kafka(self, port: int) -> Any:
        settings = {
            "KAFKA_NODE_ID": "1",
            "KAFKA_PROCESS_ROLES": "broker,controller",
            "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:29093",
            "KAFKA_LISTENERS": "CONTROLLER://:29093,HOST://:9092,PLAINTEXT://:19092",
            "KAFKA_ADVERTISED_LISTENERS": f"HOST://127.0.0.1:{port},PLAINTEXT://localhost:19092",
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,HOST:PLAINTEXT",
            "KAFKA_INTER_BROKER_LISTENER_NAME": "PLAINTEXT",
            "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
            "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
            "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
            "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
            "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": "1",
            "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR": "1",
            "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
            "KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS": "1000",
            "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
            "KAFKA_OFFSETS_RETENTION_MINUTES": "5256000",
            "KAFKA_MESSAGE_MAX_BYTES": "16777216",
            "KAFKA_TRANSACTION_ABORT_TIMED_OUT_TRANSACTION_CLEANUP_INTERVAL_MS": "10000",
        }
        return self._container("kafka").with_bind_ports(9092, port).with_envs(**settings)

    def _postgres(self, port: int) -> Any:
        account = {"POSTGRES_USER": "signaltape", "POSTGRES_DB": "signaltape", "POSTGRES_PASSWORD": PASSWORD}
        return self._container("postgres").with_bind_ports(5432, port).with_envs(**account)

    def _await(self, name: str) -> None:
        probes = {"kafka": self._kafka_answers, "postgres": self._postgres_answers, "redis": self._redis_answers}
        wait_for(probes[name], START_S, f"{name} in its container")

    def _kafka_answers(self) -> bool:
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        client = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})
        try:
            return bool(client.describe_cluster(request_timeout=2.0).result(3.0).nodes)
        except (KafkaException, TimeoutError):
            return False

    def _postgres_answers(self) -> bool:
        try:
            with psycopg.connect(self.postgres_dsn, connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False

    def _redis_answers(self) -> bool:
        with redis.Redis.from_url(self.redis_url, socket_timeout=2) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False

    def _describe(self) -> Endpoints:
        query = (
            "SELECT current_setting('server_version'),"
            " (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'),"
            " current_setting('timescaledb.license', true)"
        )
        with psycopg.connect(self.postgres_dsn) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
            row = connection.execute(query).fetchone()
        assert row is not None
        with redis.Redis.from_url(self.redis_url) as client:
            redis_version = str(client.info("server")["redis_version"])
        return Endpoints(
            bootstrap_servers=self.bootstrap_servers,
            postgres_dsn=self.postgres_dsn,
            redis_url=self.redis_url,
            kafka_version=kafka_version(),
            postgres_version=row[0].split()[0],
            redis_version=redis_version,
            timescale_version=row[1],
            timescale_license=row[2],
        )


@contextlib.contextmanager
def container_stack() -> Iterator[ContainerStack]:
    """The three containers for one test session; skips with the reason where no Docker daemon answers."""
    fault = daemon_fault()
    if fault is not None:
        pytest.skip(fault)
    stack = ContainerStack()
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()
