"""What can happen to a pipeline while a slice of bars flows through it. Each function publishes the slice itself."""

import random
import signal
from collections.abc import Callable

from confluent_kafka import Producer

from infra.broker.config import idempotent_producer_config, transactional_producer_config
from infra.broker.reading import read_topic
from infra.stack.stack import ServerName
from tests.support.matrix_world import SERVICES, MatrixWorld
from tests.support.providers import TestStack
from tests.support.waiting import wait_for

#: What happens, given the world and the servers.
Disturbance = Callable[[MatrixWorld, TestStack], None]
#: Slices that one moment may take until something waits at its kill.
_TRIES = 5


def nothing(world: MatrixWorld, _: TestStack) -> None:
    world.publish()


def nothing_on_the_way_in(world: MatrixWorld, _: TestStack) -> None:
    world.publish_in()


def killed_at(service: str, step: str, count: int = 2) -> Disturbance:
    """SIGKILL at a numbered step, under load: the slice lies there before the process that will die starts."""

    def disturb(world: MatrixWorld, _: TestStack) -> None:
        world.stop(service)
        if service == "ingest":
            world.publish_in()
        else:
            world.publish()
        dying = world.start(service, SIGNALTAPE_CRASH_AT=f"{service}.{step}:{count}")
        assert dying.wait_exit(60) == -signal.SIGKILL, dying.tail()
        assert world.lag(), "the kill must come under load"
        world.start(service)

    return disturb


def killed_at_a_moment(seed: int) -> Disturbance:
    """SIGKILL of a seeded service after a seeded share of its work; of less, where it was faster than the kill."""

    def disturb(world: MatrixWorld, _: TestStack) -> None:
        chance = random.Random(seed)
        service, share = chance.choice(SERVICES), chance.uniform(0.05, 0.6)
        for attempt in range(_TRIES):
            if service not in ("inference", "drift"):  # it starts behind the slice; those two must own their partitions
                world.stop(service)
            before = world.done(service)
            if service == "ingest":
                world.publish_in()
            else:
                world.publish()
            process = world.running.get((service, 0)) or world.start(service)
            goal = before + max(1, round(share / 3**attempt * _work(world, service)))
            wait_for(lambda: world.done(service) >= goal or not world.lag(), 60.0, f"{service} at {share:.0%}", 0.002)  # noqa: B023
            process.kill()
            loaded = world.lag()
            world.start(service)
            if loaded:
                return
            world.settle()
        raise AssertionError(f"in {_TRIES} slices nothing waited when {service} was killed")

    return disturb


def _work(world: MatrixWorld, service: str) -> int:
    """About how many messages of a slice a service has to take, over its topics."""
    per_close = {"ingest": 12, "features": 4, "inference": 4, "store": 20, "drift": 16}[service]
    return per_close * 20


def server_killed(name: ServerName) -> Disturbance:
    """SIGKILL of a server while a slice waits; it comes back at once, on its data."""

    def disturb(world: MatrixWorld, stack: TestStack) -> None:
        for _ in range(_TRIES):
            world.publish()
            if world.lag() or name == "redis":
                break  # else the slice was faster than the look at it
        else:
            raise AssertionError(f"in {_TRIES} slices nothing waited when {name} was to be killed")
        stack.kill(name)
        stack.start_server(name)

    return disturb


def server_restarted(name: ServerName) -> Disturbance:
    """The same in order: connections are closed, not cut."""

    def disturb(world: MatrixWorld, stack: TestStack) -> None:
        world.publish()
        stack.restart(name)

    return disturb


def rebalanced(service: str) -> Disturbance:
    """A second instance joins in mid-slice, works, and is killed with partitions in its hands."""

    def disturb(world: MatrixWorld, _: TestStack) -> None:
        table = world.next_slice()
        closes = sorted(set(table.event_time.tolist()))
        middle = closes[len(closes) // 2]
        before = world.done(service)
        world.publish(table.between(end=middle))
        wait_for(lambda: world.done(service) > before, 60.0, f"{service} under way", 0.002)
        second = world.start(service, 1).wait_ready()
        world.publish(table.between(start=middle))
        wait_for(lambda: _owns(world, service) or not world.lag(), 60.0, f"{service}-1 to work", 0.01)
        second.kill()
        del world.running[service, 1]

    return disturb


def _owns(world: MatrixWorld, service: str) -> bool:
    return "assigned" in world.process(service, 1).log.read_text(errors="replace")


def zombie(service: str, step: str, count: int = 2) -> Disturbance:
    """SIGSTOP at a step, until another instance has done its work; then SIGCONT: it must add nothing."""

    def disturb(world: MatrixWorld, _: TestStack) -> None:
        world.stop(service)
        world.publish()
        frozen = world.start(service, SIGNALTAPE_CRASH_AT=f"{service}.{step}:{count}:freeze")
        wait_for(frozen.is_frozen, 60.0, f"{service} to freeze")
        assert world.lag()
        del world.running[service, 0]
        second = world.start(service, 1)
        try:
            world.settle()
            frozen.resume()
            assert frozen.wait_exit(60) == 1, frozen.tail()
        finally:
            if frozen.poll() is None:
                frozen.kill()
        assert second.stop() == 0, second.tail()
        del world.running[service, 1]
        world.start(service)
        world.publish()

    return disturb


def aborted_upstream(world: MatrixWorld, _: TestStack) -> None:
    """A foreign client copies signals and predictions into transactions that it aborts: nobody may take them."""
    table = world.next_slice()
    closes = sorted(set(table.event_time.tolist()))
    middle = closes[len(closes) // 2]
    world.publish(table.between(end=middle))
    producer = Producer(transactional_producer_config(world.settings, f"{world.settings.topics.prefix}foreign"))
    producer.init_transactions(30)
    for topic in (world.names.signals, world.names.predictions):
        copied = list(read_topic(world.settings, topic))[-20:]
        assert len(copied) == 20
        producer.begin_transaction()
        for record in copied:
            producer.produce(topic, record.value, record.key, record.partition, headers=[*record.headers])
        assert producer.flush(30) == 0
        producer.abort_transaction(30)
    world.publish(table.between(start=middle))


def duplicated(world: MatrixWorld, _: TestStack) -> None:
    """The feed handler sends its slice twice, and the newest messages of `features` come again as they were."""
    table = world.publish()
    world.publish(table)
    world.settle()
    producer = Producer(idempotent_producer_config(world.settings, "matrix-duplicates"))
    for record in list(read_topic(world.settings, world.names.features))[-40:]:
        producer.produce(world.names.features, record.value, record.key, record.partition, headers=[*record.headers])
    assert producer.flush(30) == 0
    world.publish()
