"""One running pipeline with its monitor and a Prometheus, for all tests of this folder's modules."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from infra.settings import Settings
from infra.stack import Endpoints
from producers.bar_table import BarTable
from signaltape.fleet import Fleet, Process
from signaltape.prometheus.files import shipped_rules
from tests.support import isolation, services, world
from tests.support.prometheus import Prometheus, running_prometheus
from tests.support.waiting import wait_for

SERVICES = ("ingest", "features", "inference", "store", "drift", "responder", "monitor")


@dataclass
class Watched:
    """A pipeline at rest, what was published to it, its processes, and the Prometheus that watches them."""

    settings: Settings
    table: BarTable
    started: dict[str, services.ServiceProcess]
    prometheus: Prometheus

    def look(self, service: str) -> Process:
        (process,) = Fleet(self.settings).look().of(service)
        return process

    def gauge(self, name: str, **labels: str) -> float | None:
        """A metric of the monitor, as it says it now."""
        return self.look("monitor").value(name, **labels)

    @property
    def last(self) -> int:
        """The newest close, ns."""
        return int(self.table.event_time.max())

    def group(self, service: str) -> str:
        return f"{self.settings.topics.prefix}signaltape-{service}"


def hurried_rules(folder: Path) -> list[Path]:
    """The shipped rules, looked at twice a second, whose conditions must hold for a second; four seconds are late."""
    made = []
    for path in shipped_rules():
        document = yaml.safe_load(path.read_text())
        for group in document["groups"]:
            group["interval"] = "500ms"
            for rule in group["rules"]:
                if "for" in rule:
                    rule["for"] = "1s"
                if rule["alert"] == "SignaltapeLagSeconds":
                    assert "> 60" in rule["expr"]
                    rule["expr"] = rule["expr"].replace("> 60", "> 4")
        made.append(folder / path.name)
        made[-1].write_text(yaml.safe_dump(document))
    return made


@pytest.fixture(scope="module")
def watched(endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    name, folder = isolation.unique_name(), tmp_path_factory.mktemp("watched")
    settings = isolation.isolated_settings(
        endpoints, folder / "home", isolation.create_database(endpoints, name), f"{name}.",
        topics={"prefix": f"{name}.", "partitions": 2}, monitor={"every_s": 0.3, "slow_every_s": 1.0},
        drift={"checkpoint_idle_s": 0.2}, features={"session_timeout_s": 3.0},
    )  # fmt: skip
    world.prepare(settings, folder)
    table = world.small_market(symbols=8, bars=60)
    with (
        services.running(settings, *SERVICES) as started,
        running_prometheus(settings, folder / "prometheus", rule_files=hurried_rules(folder)) as prometheus,
    ):
        world.wait_relayed(settings, 1)
        world.publish(settings, table)
        world.wait_drained(settings)
        wait_for(lambda: set(prometheus.targets_up().values()) == {True}, 60, "every target to be scraped", 0.2)
        yield Watched(settings, table, started, prometheus)
    isolation.drop_database(endpoints, name)
