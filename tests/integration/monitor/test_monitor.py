"""What the monitor tells of a running pipeline, held against what was done to it, and what Prometheus makes of it."""

import os
import signal
from collections.abc import Callable

import pytest

from infra.broker.publisher import Publisher
from schemas.topics import TopicNames
from signaltape.fleet import Process
from signaltape.initialisation import GROUP_TOPICS
from tests.integration.monitor.conftest import Watched
from tests.support import services, world
from tests.support.waiting import wait_for


def wait_gauge(watched: Watched, name: str, holds: Callable[[float], bool], **labels: str) -> float:
    """The value, once it is there and as wanted."""

    def seen() -> tuple[float] | None:
        value = watched.gauge(name, **labels)
        return (value,) if value is not None and holds(value) else None

    return wait_for(seen, 60, f"{name} {labels}", 0.1)[0]


def answering(watched: Watched, service: str) -> Process:
    """What the service says of itself, once it does: a look gives up after a second, which a busy machine can take."""
    return wait_for(lambda: (found := watched.look(service)).samples and found, 30, f"{service} to answer", 0.1)


def fires(watched: Watched, alert: str, **labels: str) -> bool:
    return any(labels.items() <= found.items() for found in watched.prometheus.firing().get(alert, ()))


def wait_alert(watched: Watched, alert: str, *, firing: bool, **labels: str) -> None:
    word = "to fire" if firing else "to be resolved"
    wait_for(lambda: fires(watched, alert, **labels) == firing, 60, f"{alert} {labels} {word}", 0.1)


def test_at_rest_nothing_waits_whatever_the_ends_of_transactions_count(watched: Watched) -> None:
    for name in ("kafka_consumergroup_lag", "kafka_consumergroup_lag_seconds"):
        wait_for(lambda name=name: watched.gauge(name) == 0.0, 60, f"{name} to be 0", 0.1)
    names = TopicNames(watched.settings.topics.prefix)
    told = {
        (dict(series.labels)["consumergroup"], dict(series.labels)["topic"])
        for series in answering(watched, "monitor").samples
        if series.name == "kafka_consumergroup_lag"
    }
    assert told == {
        (watched.group(service), names.of(topic)) for service, topics in GROUP_TOPICS.items() for topic in topics
    }


def test_what_it_says_of_stores_disks_and_retention(watched: Watched) -> None:
    names = TopicNames(watched.settings.topics.prefix)
    assert wait_gauge(watched, "signaltape_database_bytes", lambda value: value > 1e6) < 1e10
    assert wait_gauge(watched, "signaltape_disk_free_bytes", lambda value: value > 0, folder="home") < wait_gauge(
        watched, "signaltape_disk_bytes", lambda value: value > 0, folder="home"
    )
    week = 7 * 86_400.0
    kept = {"consumergroup": watched.group("inference"), "topic": names.features}
    assert wait_gauge(watched, "signaltape_retention_headroom_seconds", lambda _: True, **kept) == week
    monitor = answering(watched, "monitor")
    assert monitor.value("signaltape_expired_unread_messages") == 0.0
    assert monitor.value("signaltape_newest_row_age_seconds", table="signals") == pytest.approx(
        monitor.value("signaltape_newest_row_age_seconds", table="features"), abs=3_600
    )
    assert monitor.value("signaltape_online_stale") == 0.0
    assert not monitor.unready()


def test_prometheus_sees_every_process_and_what_is_live(watched: Watched) -> None:
    prometheus = watched.prometheus
    assert set(prometheus.targets_up()) == {f"{name}-0" for name in watched.started}

    def seen(expected: object, found: Callable[[], object]) -> None:
        """It scrapes in its own time, and a process that is slow to answer once is not there until the next time."""
        wait_for(lambda: found() == expected, 30, f"{expected}", 0.1)

    labels = ("strategy", "model", "version", "role")
    seen(
        [("alpha", "linear-alpha", "1", "live")],
        lambda: [tuple(one["metric"][key] for key in labels) for one in prometheus.query("signaltape_model_info")],
    )
    seen(len(watched.table.event_time), lambda: prometheus.value('sum(signaltape_bars_total{outcome="first"})'))
    seen(0.0, lambda: prometheus.value("sum(signaltape_errors_total)"))
    seen(len(watched.started), lambda: len(prometheus.query("process_resident_memory_bytes")))
    timed = "sum by (stage) (signaltape_stage_latency_seconds_count) > 0"
    stages = {"ingest", "features", "inference", "store", "drift"}
    seen(stages, lambda: {one["metric"]["stage"] for one in prometheus.query(timed)})


def test_a_message_that_is_nonsense_is_counted_and_alerted(watched: Watched) -> None:
    topic = TopicNames(watched.settings.topics.prefix).bars_in
    publisher = Publisher(watched.settings, "nonsense")
    publisher.send(topic, 0, b"{nonsense", key=b"A")
    publisher.flush_acknowledged()
    assert wait_gauge(watched, "signaltape_dead_letters_kept", lambda value: value > 0, topic=topic) == 1.0


@pytest.mark.slow
def test_a_stage_that_hangs_is_late_then_alerted_then_catches_up(watched: Watched) -> None:
    names = TopicNames(watched.settings.topics.prefix)
    place = {"consumergroup": watched.group("store"), "topic": names.predictions}
    store = watched.started["store"]
    os.kill(store.pid, signal.SIGSTOP)
    try:
        later = world.small_market(symbols=8, bars=64).between(start=watched.last)
        world.publish(watched.settings, later, "later")  # of another source: its watermarks go through every stage
        wait_gauge(watched, "kafka_consumergroup_lag", lambda value: value > 0, **place)
        young = wait_gauge(watched, "kafka_consumergroup_lag_seconds", lambda value: value > 0, **place)
        old = wait_gauge(watched, "kafka_consumergroup_lag_seconds", lambda value: value > young + 2, **place)
        assert old < 60
        wait_alert(watched, "SignaltapeTargetDown", firing=True, instance="store-0")
        wait_alert(watched, "SignaltapeLagSeconds", firing=True, **place)
        assert watched.look("store").state == "silent"
    finally:
        store.resume()
    wait_gauge(watched, "kafka_consumergroup_lag", lambda value: value == 0, **place)
    wait_alert(watched, "SignaltapeTargetDown", firing=False, instance="store-0")
    wait_alert(watched, "SignaltapeLagSeconds", firing=False, **place)


def test_an_agent_that_is_killed_is_down_until_it_is_back(watched: Watched) -> None:
    features = watched.started["features"]
    features.kill()
    assert (watched.look("features").state, watched.look("features").error) == (
        "down",
        f"process {features.pid} ended without being stopped",
    )
    wait_alert(watched, "SignaltapeTargetDown", firing=True, instance="features-0", process="features")
    watched.started["features"] = services.ServiceProcess(watched.settings, "features").wait_ready()
    wait_alert(watched, "SignaltapeTargetDown", firing=False, instance="features-0", process="features")
    wait_for(lambda: watched.look("features").state == "ready", 30, "it to be ready", 0.1)
