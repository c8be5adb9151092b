"""A broker as the security page has it: SASL/SCRAM over TLS for clients, certificates for itself, ACLs."""

import secrets
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from infra.places import cache_folder, data_home
from infra.stack import Ports, StackConfig, jars
from infra.stack.broker import Broker
from infra.stack.guard import Guard
from infra.stack.java import find_java
from infra.stack.process import ServerProcess
from tests.support.certificates import Authority, Certificate
from tests.support.providers import own_ports
from tests.support.waiting import wait_for

ADMIN = "admin"
_START_S = 120.0

_SECURITY = """
listeners=CLIENTS://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENTS://127.0.0.1:{port}
inter.broker.listener.name=CLIENTS
listener.security.protocol.map=CLIENTS:SASL_SSL,CONTROLLER:SSL
sasl.enabled.mechanisms=SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
listener.name.clients.scram-sha-512.sasl.jaas.config={jaas}
listener.name.controller.ssl.client.auth=required
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
ssl.truststore.type=PEM
ssl.truststore.location={truststore}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:{admin};User:CN=broker
allow.everyone.if.no.acl.found=false
"""


class SecuredBroker(Broker):
    """Every user has a password of its own; ``options`` are the client properties with which one of them connects."""

    def __init__(self, config: StackConfig, ports: Ports, authority: Authority, users: Sequence[str]) -> None:
        super().__init__(config, ports, jars.ensure_jars(config.cache, lambda _: None), find_java())
        self.ca = authority.ca
        self._certificate: Certificate = authority.certificate("broker")
        self._passwords = {user: secrets.token_hex(12) for user in (ADMIN, *users)}

    def options(self, user: str = ADMIN) -> dict[str, str]:
        return {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user,
            "sasl.password": self._passwords[user],
            "ssl.ca.location": str(self.ca),
        }

    def probe(self) -> str | None:
        client = AdminClient({**self.options(), "bootstrap.servers": self.bootstrap_servers, "log_level": "0"})
        try:
            cluster = client.describe_cluster(request_timeout=2.0).result(3.0)
        except (KafkaException, TimeoutError) as error:
            return str(error)
        return None if cluster.controller is not None and cluster.nodes else "has no controller yet"

    def _properties(self, folder: Path) -> str:
        jaas = (
            "org.apache.kafka.common.security.scram.ScramLoginModule required "
            f'username="{ADMIN}" password="{self._passwords[ADMIN]}";'
        )
        own = _SECURITY.format(
            port=self.port, controller=self._controller_port, jaas=jaas, keystore=self._certificate.both,
            truststore=self.ca, admin=ADMIN,
        )  # fmt: skip
        replaced = {line.partition("=")[0] for line in own.split("\n") if line}
        kept = [one for one in super()._properties(folder).split("\n") if one.partition("=")[0] not in replaced]
        return "\n".join(kept) + own

    def _format(self, folder: Path) -> None:
        """By Kafka's own tool each time: the users' passwords are part of what it writes."""
        users = [f"SCRAM-SHA-512=[name={name},password={word}]" for name, word in self._passwords.items()]
        added = [part for user in users for part in ("--add-scram", user)]
        properties = folder.parent / "server.properties"
        tool = ["kafka.tools.StorageTool", "format", "-t", "c2VjdXJlZC1icm9rZXItMQ", "-c", str(properties), *added]
        command = [*self._java_command("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"), *tool]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def secured_broker(folder: Path, users: Sequence[str]) -> Iterator[SecuredBroker]:
    """Run one until the block ends; it answers its administrator when the block begins."""
    ports = own_ports()
    config = StackConfig(
        data=folder, cache=cache_folder(data_home()), ports=ports, durable=False, brief=True, deadline_s=_START_S
    )
    broker = SecuredBroker(config, ports, Authority(folder / "certificates"), users)
    process = ServerProcess("secured kafka", folder / "run" / "kafka.json", folder / "log" / "kafka.log")
    guard = Guard()
    try:
        guard.add(process.launch(broker.prepare(), broker.port), signal.SIGTERM)

        def answers() -> bool:
            assert process.is_running(), process.last_words(30)
            return broker.probe() is None

        wait_for(answers, _START_S, "the secured broker", interval_s=0.1)
        yield broker
    finally:
        process.send(signal.SIGTERM)
        process.await_end(20.0)
        guard.close()
