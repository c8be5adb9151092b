"""`kill -9` of the responder at each numbered step: one control event per step, each alert delivered, none lost."""

from collections.abc import Callable

import pytest

from infra.settings import Settings
from tests.support.guard_facts import alert
from tests.support.guard_world import QUICK, GuardWorld
from tests.support.services import ServiceProcess, running
from tests.support.webhook_server import webhook_server

STEPS = (
    "1_read", "2_refused", "3_decided", "4_stored", "5_published", "6_marked", "7_sent", "8_delivered", "9_buried",
)  # fmt: skip


@pytest.mark.slow
def test_killed_at_every_step(make_settings: Callable[..., Settings]) -> None:
    """Each process dies at its step, over an alert about a strategy of its own; the last one lives."""
    strategies = [f"s{number}" for number in range(len(STEPS) + 1)]
    with webhook_server() as server:
        own = {**QUICK, "webhook_url": server.url, "file": "alerts.jsonl", "attempts": 2}
        world = GuardWorld(make_settings(responder=own, guard={"mode": "act"}), strategies)
        alerts = [
            alert(alert_id=strategy, strategy=strategy, subject="features", message="a") for strategy in strategies
        ]
        for step, one in zip(STEPS, alerts, strict=False):
            server.status = 500 if step == "9_buried" else 204
            world.publish(*([b"\xc1"] if step == "2_refused" else []), one)
            crashing = ServiceProcess(world.settings, "responder", SIGNALTAPE_CRASH_AT=f"responder.{step}")
            assert crashing.wait_exit(60) == -9, (step, crashing.tail())
        server.status = 204
        world.publish(alerts[-1])
        with running(world.settings, "responder"):
            world.wait_settled()
        events = world.events()
        assert sorted(one.strategy for one in events) == strategies
        assert {one.action for one in events} == {"position_scale"}
        assert [row[:3] for row in world.steps()] == [(one, "published", "derisk") for one in strategies]
        deliveries = world.deliveries()
        assert set(deliveries) == {(one, sink) for one in strategies for sink in ("webhook", "file")}
        dead = {key for key, state in deliveries.items() if state == "dead"}
        assert all(sink == "webhook" for _, sink in dead)
        buried = {dict(one.headers).get("ce_id", b"").decode() for one in world.dead_letters()}  # type: ignore[union-attr]
        assert {one for one, _ in dead} <= buried
        assert set(server.keys()) == set(strategies)
        lines = (world.settings.home / "alerts.jsonl").read_text().splitlines()
        assert all(any(f'"{one}"' in line for line in lines) for one in strategies)
