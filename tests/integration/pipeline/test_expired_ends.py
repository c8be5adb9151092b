"""Topics that expire in a quiet time: what was taken leaves nothing to be missed, what was not is never forgotten.

Every message is one that its reader refuses: its dead letter says, of each service alike, that it was read.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from confluent_kafka import TopicPartition

from consumers.ingest.position import group_name
from infra.broker.admin import admin_client, group_offsets, low_high_offsets
from infra.broker.reading import read_topic
from infra.broker.stability import wait_stable
from infra.settings import Settings
from infra.stack import Endpoints
from infra.warehouse import connect
from infra.warehouse.checkpoints import read_checkpoints
from schemas.topics import TopicNames
from signaltape.initialisation import CHECKPOINTED, initialise
from tests.support import isolation
from tests.support.services import ServiceProcess, running
from tests.support.store_messages import TransactionalWriter
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

#: Service → a topic that it reads, written in transactions here (some have only clients that may).
READS = {
    "ingest": "bars-in", "features": "bars", "drift": "predictions", "store": "predictions", "responder": "alerts",
}  # fmt: skip
#: Those that the topic's end reaches as an event follow while they run; the others look for it from time to time.
AT_ONCE = ("ingest", "store", "responder")
FIRST, NEXT, UNSEEN = b"\xc1 first", b"\xc1 next", b"\xc1 unseen"


@dataclass
class Quiet:
    """A place on one partition, and what is noted of a service there."""

    settings: Settings
    ends: dict[str, int] = field(default_factory=dict)
    running: dict[str, int] = field(default_factory=dict)
    stopped: dict[str, int] = field(default_factory=dict)
    letters: Counter[tuple[str, bytes]] = field(default_factory=Counter)
    refused: dict[str, tuple[int | None, str]] = field(default_factory=dict)

    def topic(self, name: str) -> str:
        return TopicNames(self.settings.topics.prefix).of(name)

    def write(self, value: bytes) -> None:
        """One message into each topic, in one transaction; returns when its ends are written."""
        TransactionalWriter(self.settings).write((self.topic(name), 0, value) for name in set(READS.values()))
        for name in set(READS.values()):
            wait_stable(self.settings, self.topic(name), [0])
            self.ends[name] = low_high_offsets(self.settings, self.topic(name))[0][1]

    def expire(self) -> None:
        """What retention does to a topic to which nothing was written for long."""
        admin = admin_client(self.settings)  # what it promises is kept only while it is there
        gone = [TopicPartition(self.topic(name), 0, end) for name, end in self.ends.items()]
        for done in admin.delete_records(gone).values():
            done.result(30)
        for name, end in self.ends.items():
            assert low_high_offsets(self.settings, self.topic(name))[0] == (end, end)

    def positions(self) -> dict[str, int]:
        """Where each service reads on after a restart."""
        topic = self.topic("bars-in")
        committed = group_offsets(self.settings, group_name(self.settings), topic, 1)[0]
        found = {"ingest": -1 if committed is None else committed[0]}
        with connect(self.settings, name="test-positions") as connection:
            for service in CHECKPOINTED:
                kept = read_checkpoints(connection, service, self.topic(READS[service]))[0]
                found[service] = kept.snapshot_offset if service == "features" else kept.effect_offset
        return found

    def read(self) -> Counter[tuple[str, bytes]]:
        """(service, message) of every dead letter."""
        names = TopicNames(self.settings.topics.prefix)
        return Counter(
            ((dict(letter.headers)["__connect.errors.stage"] or b"").decode(), letter.value or b"")
            for name in set(READS.values())
            for letter in read_topic(self.settings, names.dlq(names.of(name)))
        )

    def wait_read(self, value: bytes) -> None:
        wait_for(lambda: {(one, value) for one in READS} <= self.read().keys(), 60, f"{value!r} to be read by all", 0.1)


@pytest.fixture(scope="module")
def quiet(endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Quiet]:
    name, home = isolation.unique_name(), tmp_path_factory.mktemp("quiet") / "home"
    settings = isolation.isolated_settings(
        endpoints, home, isolation.create_database(endpoints, name), f"{name}.",
        topics={"prefix": f"{name}.", "partitions": 1}, store={"commit_every_s": 0.1},
    )  # fmt: skip
    initialise(settings)
    place = Quiet(settings)
    place.write(FIRST)
    with running(settings, *READS) as services:
        place.wait_read(FIRST)
        wait_for(lambda: all(place.positions()[one] == place.ends[READS[one]] for one in AT_ONCE), 60, "the ends", 0.1)
        place.running = place.positions()
        stop(services)
    place.stopped = place.positions()
    place.expire()
    with running(settings, *READS) as services:
        place.write(NEXT)
        place.wait_read(NEXT)
        stop(services)
    place.letters = place.read()
    place.write(UNSEEN)
    place.expire()
    started = {service: ServiceProcess(settings, service) for service in READS}
    try:
        place.refused = {service: (one.wait_exit(60), one.tail(3)) for service, one in started.items()}
    finally:
        for one in started.values():
            if one.poll() is None:
                one.kill()
    yield place
    isolation.drop_database(endpoints, name)


def stop(services: dict[str, ServiceProcess]) -> None:
    for service in services.values():
        service.terminate()
    for service in services.values():
        assert service.stop() == 0


@pytest.mark.parametrize("service", AT_ONCE)
def test_a_running_service_follows_its_topic_to_the_end(quiet: Quiet, service: str) -> None:
    assert quiet.running[service] == 2  # the message, and the end of its transaction


@pytest.mark.parametrize("service", READS)
def test_what_is_no_message_may_expire(quiet: Quiet, service: str) -> None:
    assert quiet.stopped[service] == 2
    assert [quiet.letters[service, value] for value in (FIRST, NEXT, UNSEEN)] == [1, 1, 0]


@pytest.mark.parametrize("service", READS)
def test_what_was_never_taken_is_refused(quiet: Quiet, service: str) -> None:
    code, words = quiet.refused[service]
    assert (code, "expired" in words) == (1, True), words
    assert f"signaltape repair --service {service}" in words
