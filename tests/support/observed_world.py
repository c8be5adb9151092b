"""The console's world with a Prometheus beside it from its beginning, and then everything that can go wrong.

``healthy`` is the time in which daily bars went through and nothing was amiss; what is planted comes after it.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import TopicPartition

from infra.broker.admin import admin_client, low_high_offsets
from infra.scoring.registry import ModelRegistry
from infra.settings import Settings
from infra.stack import Endpoints
from pipeline.deployments import ModelRef
from schemas.bars import Watermark
from schemas.topics import TopicNames
from signaltape.comparison.run import nothing_live
from signaltape.experiments import Terms, start_experiment
from signaltape.retraining import run_cycles
from signaltape.shadowing import start_shadow
from tests.support import console_world as console
from tests.support.console_world import ConsoleWorld
from tests.support.explained_run import CHANGED, PARTITIONS, at
from tests.support.faulty_models import write_faulty_model
from tests.support.feature_runs import everywhere, write_log
from tests.support.prometheus import Prometheus, running_prometheus
from tests.support.providers import TestStack
from tests.support.services import ServiceProcess
from tests.support.waiting import wait_for

SCRAPE_S = 1.0
#: A process that is gone is alerted about at once, one that was slow to answer is not.
RULE = """groups:
  - name: test
    rules:
      - {alert: Gone, expr: up == 0, for: 2s}
"""
#: Nobody listens there: what is sent to it waits.
NOWHERE = "http://127.0.0.1:9/alerts"
#: What comes last of a healthy day, whose model drifts: figures, alerts, and that they can't be delivered.
SHOWN_BY_A_HEALTHY_DAY = (
    "count(model_feature_drift)",
    "count(signaltape_alerts_total > 0)",
    "sum(signaltape_alert_deliveries_waiting) > 0",
    "sum(increase(signaltape_warnings_total[4s])) > 0",
)


@dataclass(frozen=True)
class ObservedWorld:
    """``healthy`` and ``whole``: (first, last) second since 1970 of the times that Prometheus remembers."""

    settings: Settings
    prometheus: Prometheus
    healthy: tuple[float, float]
    whole: tuple[float, float]


@contextmanager
def observed_world(stack: TestStack, endpoints: Endpoints, folder: Path) -> Iterator[ObservedWorld]:
    """Everything has happened when the block begins; Prometheus and the tables answer until it ends."""
    begun, healthy, found = time.time(), list[float](), list[Prometheus]()
    rules = folder / "rules.yml"
    rules.write_text(RULE)

    def beside(settings: Settings, ending: ExitStack) -> None:
        found.append(
            ending.enter_context(
                running_prometheus(settings, folder / "prometheus", every_s=SCRAPE_S, rule_files=[rules])
            )
        )
        monitor = ServiceProcess(settings, "monitor")
        ending.callback(monitor.kill)

    def after_daily(settings: Settings) -> None:
        console.settled(settings)
        for shown in SHOWN_BY_A_HEALTHY_DAY:
            found[0].wait_value(shown, 60)
        healthy.append(time.time() + SCRAPE_S)

    with console.console_world(
        endpoints, folder, beside, after_daily, 0.05,
        drift={"minimum_names": 8}, monitor={"every_s": SCRAPE_S, "slow_every_s": SCRAPE_S},
        responder={"webhook_url": NOWHERE}, engine={"feature_sets": ("core", "minimal")},
    ) as world:  # fmt: skip
        _Planting(stack, world, folder, found[0]).all()
        yield ObservedWorld(world.settings, found[0], (begun, healthy[0]), (begun, time.time() + 2 * SCRAPE_S))


class _Planting:
    """What a healthy day does not have: experiments and shadows, and one fault after the other."""

    def __init__(self, stack: TestStack, world: ConsoleWorld, folder: Path, prometheus: Prometheus) -> None:
        self._stack, self._world, self._prometheus = stack, world, prometheus
        self._settings, self._stand = world.settings, world.stand
        self._folder = folder

    def all(self) -> None:
        self.tested_models()
        self.questions()
        self.hanging_model()
        self.repetition()
        self.redis_away()
        self.responder_gone()
        self.drift_agent_behind()

    def tested_models(self) -> None:
        """A shadow and an experiment of the strategy alpha, and records that people leave."""
        start_shadow(self._settings, "alpha", ModelRef(name="first", version=1), reason="test")
        terms = Terms(name="exp-1", strategy="alpha", arm=ModelRef(name="second", version=1), arm_capital=0.5)
        start_experiment(self._settings, terms, force=True, reason="its tests were not run")
        nothing_live(self._settings, ModelRef(name="second", version=1), "delta")
        run_cycles(self._settings, "alpha")
        self._bars(70)
        hour = Watermark(feed="f", event_time=at(CHANGED + 70), state="advance")
        write_log(self._settings, everywhere(hour, PARTITIONS))

    def questions(self) -> None:
        """Reads of signals, for as long as it takes until a rate of them is seen."""

        def asked_and_seen() -> bool:
            for symbol in ("S000", "S001", "NONE"):
                self._world.api.get(f"/signals/{symbol}")
            return bool(self._prometheus.query("rate(signaltape_http_request_seconds_count[4s]) > 0"))

        wait_for(asked_and_seen, 60, "requests to be counted", 0.2)

    def hanging_model(self) -> None:
        """A model whose calls don't return on large values."""
        made = write_faulty_model(self._folder / "hangs", "hangs", intervals=("1m",))
        version = ModelRegistry(self._settings).register(self._folder / "hangs", made, [])
        self._stand.run.decide(
            [("activate", {"strategy": "delta", "model": "hangs", "model_version": version, "reason": "test"})]
        )
        self._bars(3)
        self._seen("sum(signaltape_model_calls_abandoned_total) > 0")

    def repetition(self) -> None:
        """A feed that sends bars again."""
        write_log(self._settings, self._stand.run.bars[0])
        self._stand.settled()

    def redis_away(self) -> None:
        self._stack.suspend("redis")
        try:
            self._stand.bar()
            self._seen("max(signaltape_online_stale) > 0")
            self._seen("min(signaltape_dependency_up) == 0")
        finally:
            self._stack.resume("redis")
        self._stand.settled()

    def responder_gone(self) -> None:
        self._stand.services["responder"].kill()
        self._seen('ALERTS{alertstate="firing"}')
        self._stand.services["responder"] = ServiceProcess(self._settings, "responder").wait_ready()
        self._seen("changes(process_start_time_seconds[1h]) > 0")

    def drift_agent_behind(self) -> None:
        """Its topic loses what it has not read: what only retention does, when nobody looked for days."""
        self._stand.services["drift"].kill()
        self._stand.bar(5)
        topic = TopicNames(self._settings.topics.prefix).predictions
        self._seen("sum(kafka_consumergroup_lag) > 0")
        ends = low_high_offsets(self._settings, topic)
        up_to = [TopicPartition(topic, partition, high) for partition, (_, high) in ends.items()]
        admin = admin_client(self._settings)  # what it promises is kept only while it is there
        for done in admin.delete_records(up_to).values():
            done.result(30)
        self._seen("max(signaltape_expired_unread_messages) > 0")

    def _bars(self, bars: int) -> None:
        """One after the other, each through before the next: rates need some time to be seen."""
        for _ in range(0, bars, 10):
            self._stand.bar(min(10, bars))
            self._stand.settled()

    def _seen(self, expression: str, deadline_s: float = 60.0) -> None:
        wait_for(lambda: self._prometheus.query(expression), deadline_s, expression, 0.1)
