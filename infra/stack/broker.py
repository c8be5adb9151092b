"""The message broker: Apache Kafka as one KRaft node that is broker and controller."""

import base64
import os
import re
import shutil
import subprocess
import uuid
from pathlib import Path

from infra.stack.artifacts import build_once
from infra.stack.config import Ports, StackConfig
from infra.stack.errors import StackError
from infra.stack.java import JavaRuntime
from infra.stack.ports import LOOPBACK, answers, require_free
from infra.stack.process import Launch

_TEN_YEARS_IN_MINUTES = 5_256_000

# Beside what one node needs: an idle group keeps its offsets for years (the default forgets it after a week, and
# with it the control state in its metadata); transactions that timed out are looked for every ten seconds, so not
# before a restarted broker is done with its old registration (decision 0070); a message holds a full cross-section;
# short sessions are allowed, so that a crashed consumer's partitions move on quickly.
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port}
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}
auto.create.topics.enable=false
num.partitions=4
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
offsets.retention.minutes={retention}
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
transaction.abort.timed.out.transaction.cleanup.interval.ms=10000
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
message.max.bytes=16777216
replica.fetch.max.bytes=16777216
num.network.threads=2
num.io.threads=4
log.cleaner.threads=1
log.cleaner.dedupe.buffer.size=16777216
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500
"""

_QUIET = ("org.apache.kafka.clients", "org.apache.kafka.common.utils", "state.change.logger")


#: The JVM of a broker that runs for days, and of one that runs for minutes: there the optimising compiler and the
#: concurrent collector take more of two cores than they give back.
_LASTING = ("-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20")
_BRIEF = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class Broker:
    """Kafka on loopback; its log folder, configuration and cluster id in the stack's folder."""

    name = "kafka"

    def __init__(self, config: StackConfig, ports: Ports, jars: Path, java: JavaRuntime) -> None:
        self.port = ports.kafka
        self._controller_port = ports.controller
        self._config = config
        self._jars = jars
        self._java = java
        self._folder = config.data / "kafka"

    @property
    def bootstrap_servers(self) -> str:
        """Where clients connect."""
        return f"{LOOPBACK}:{self.port}"

    def prepare(self) -> Launch:
        """Write the configuration; give an empty data folder its cluster id."""
        require_free("controller", self._controller_port)
        self._folder.mkdir(parents=True, exist_ok=True)
        properties = self._folder / "server.properties"
        properties.write_text(self._properties(self._folder / "data"))
        if not (self._folder / "data" / "meta.properties").exists():
            self._format(self._folder / "data")
        heap = f"-Xmx{self._config.kafka_heap_mb}m"
        style = _BRIEF if self._config.brief else _LASTING
        argv = [*self._java_command(heap, *style), "kafka.Kafka", str(properties)]
        return Launch(argv=argv, folder=self._folder, environment=_environment())

    def probe(self) -> str | None:
        """None once the broker describes its cluster with a controller and itself in it."""
        if not answers(self.port):
            return f"does not listen on port {self.port} yet"
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        # librdkafka would write each refused connection to our stderr.
        options: dict[str, str | int | float | bool] = {
            "bootstrap.servers": self.bootstrap_servers,
            "log_level": 0,
            "socket.timeout.ms": 5000,
        }
        client = AdminClient(options)
        try:
            cluster = client.describe_cluster(request_timeout=5.0).result(6.0)
        except (KafkaException, TimeoutError) as error:
            return f"does not describe its cluster yet: {error}"
        return None if cluster.controller is not None and cluster.nodes else "has no controller yet"

    def ended_in_passing(self, last_words: str) -> bool:
        """False: a broker that ends at its start does so again."""
        return False

    def _properties(self, folder: Path) -> str:
        return _PROPERTIES.format(
            host=LOOPBACK,
            port=self.port,
            controller=self._controller_port,
            folder=folder,
            retention=_TEN_YEARS_IN_MINUTES,
        )

    def _java_command(self, *options: str) -> list[str]:
        logging = [
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
            "-Dorg.slf4j.simpleLogger.showShortLogName=true",
            *(f"-Dorg.slf4j.simpleLogger.log.{name}=warn" for name in _QUIET),
        ]
        return [str(self._java.path), *options, "-Djava.awt.headless=true", *logging, "-cp", f"{self._jars}/*"]

    def _format(self, folder: Path) -> None:
        """Copy a formatted folder, made once by Kafka's own tool, and give it identities of its own."""
        template = build_once(self._config.cache / f"kafka-formatted-{self._jars.name}", self._make_template)
        partial = folder.with_name("data.partial")
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(template / "data", partial)
        meta = partial / "meta.properties"
        text = re.sub(r"(?m)^cluster\.id=.*$", f"cluster.id={_random_id()}", meta.read_text())
        meta.write_text(re.sub(r"(?m)^directory\.id=.*$", f"directory.id={_random_id()}", text))
        partial.rename(folder)

    def _make_template(self, folder: Path) -> None:
        properties = folder / "server.properties"
        properties.write_text(self._properties(folder / "data"))
        tool = ["kafka.tools.StorageTool", "format", "-t", _random_id(), "-c", str(properties)]
        command = [*self._java_command("-Xmx128m", *_BRIEF), *tool]
        result = subprocess.run(
            command, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if result.returncode != 0:
            raise StackError("kafka", f"its storage tool ended with {result.returncode}: {result.stdout.strip()}")


def _random_id() -> str:
    """A Kafka Uuid: 16 random bytes in unpadded URL-safe base64, not beginning with a dash."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text


def _environment() -> dict[str, str]:
    """Ours without Java's own variables, which would change the broker behind our back."""
    dropped = {"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH"}
    return {key: value for key, value in os.environ.items() if key not in dropped}
