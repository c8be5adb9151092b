"""The demonstration from beginning to end."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.broker.admin import low_high_offsets
from infra.errors import OperatorError
from infra.settings import Settings, load_settings
from infra.warehouse import connect
from schemas.topics import TopicNames
from signaltape.client import Control
from signaltape.demo.arrivals import Arrivals, bring
from signaltape.demo.browser import Browsed
from signaltape.demo.change import acts_of
from signaltape.demo.console import Console
from signaltape.demo.live import Act, Idle, publish_part
from signaltape.demo.models import TrainedModel, train_models, train_seconds
from signaltape.demo.parts import Part
from signaltape.demo.report import assemble
from signaltape.demo.scene import Scene, latency_probe, scene
from signaltape.draining import unanswered, waiting
from signaltape.initialisation import initialise
from signaltape.service_table import PIPELINE

_DRAIN_S = 300.0
_RELAY_S = 60.0


def run_demo(parts: Sequence[Part], home: Path, console: Console, *, keep: bool = False) -> dict[str, Any]:
    """Run ``parts`` one after the other through a fresh pipeline below ``home`` and return the report.

    1. start the servers, create topics and tables;
    2. start the services as processes;
    3. train a first model for each stretch on its earlier bars, and a second one where the model is to change,
       register them; wait until each service can serve;
    4. activate the first models by control events, wait until those lie in every partition of the log;
    5. publish the later bars, with the change of model on the way, wait until everything has flowed through; then a
       correction and a split, likewise;
    6. count both sides anew, read the latencies, write the report;
    7. stop what was started, whatever happens before; with ``keep``, and if all went well, leave it running.
    """
    begun = time.monotonic()
    browsed = Browsed.of(load_settings().api, keep=keep)
    with scene(home, console, services=(*PIPELINE, "api", "monitor"), keep=keep, **browsed.environment) as active:
        if active.notice:
            console.notice(f"NOTICE: {active.notice}")
        with console.step("creating topics and tables"):
            initialise(active.settings)
        active.supervisor.start()
        models = train_models(active.settings, parts, console)
        seconds = train_seconds(active.settings, parts, console)
        with console.step("waiting for ingest, feature agent, inference, store and drift agent"):
            wait_ready(active, console)
        console.notice(f"to look at meanwhile: {browsed.address}")
        with console.step("activating the models through the control topic"):
            activate(active.settings, models)
            choose_emission(active.settings, parts)
        spans, published, arrived = [], 0, None
        with latency_probe(active) as probe:
            for part in parts:
                first = _heads(active.settings)
                with console.step(f"publishing {part.bars:,} bars: {part.origin}"):
                    published += publish_part(active.settings, part, console, _acts(active, part, seconds, console))
                with console.step(f"waiting until {part.name} has flowed through"):
                    _drain(active, console)
                spans.append((part, first, _heads(active.settings)))
                if part.arrivals:
                    with console.step("a correction and a split arrive"):
                        late = Arrivals.of(part.stretches[0].live, part.feed)
                        arrived = bring(active.settings, late, lambda: _drain(active, console))
                    published += len(late.revised) + len(late.after)
        with console.step("counting both sides, from the log and from the tables"):
            report = assemble(active, spans, [*models, *seconds], published, probe)
        report["console"] = browsed.document(active.folder, keep=keep)
    report["arrivals"] = arrived
    report["elapsed_s"] = round(time.monotonic() - begun, 1)
    return report


def _acts(active: Scene, part: Part, seconds: Sequence[TrainedModel], console: Console) -> Sequence[Act]:
    if part.change is None:
        return ()
    second = next(one.ref for one in seconds if one.strategy == part.change.strategy)
    return acts_of(active.settings, part.change, second, lambda idle: _drain(active, console, idle))


def _heads(settings: Settings) -> dict[int, int]:
    names = TopicNames(settings.topics.prefix)
    return {partition: high for partition, (_, high) in low_high_offsets(settings, names.bars).items()}


def wait_ready(active: Scene, console: Console) -> None:
    """Return when every service says that it can serve; raise ``OperatorError`` after a minute."""
    until = time.monotonic() + _RELAY_S
    while unready := active.supervisor.not_ready(active.folder / "run"):
        console.say(f"waiting for {', '.join(unready)}")
        if time.monotonic() > until:
            raise OperatorError(
                f"{', '.join(unready)} did not become ready in {_RELAY_S:g} s; see {active.folder / 'logs'}"
            )
        time.sleep(0.1)


def activate(settings: Settings, models: Sequence[TrainedModel], parameters: Mapping[str, Any] | None = None) -> None:
    """Issue one event per model, with ``parameters`` in place of its thresholds; wait until all are relayed."""
    before = _heads(settings)
    control = Control(settings)
    for model in models:
        control.issue(
            "activate",
            strategy=model.strategy,
            model=model.name,
            model_version=model.version,
            parameters=parameters,
            effective_from=model.effective_from,
            reason="in place of the one before" if model.effective_from else "first model",
        )
    _await_relay(settings, before, len(models))


def choose_emission(settings: Settings, parts: Sequence[Part]) -> None:
    """Emit directions when they change, on every bar in the stretches that ask for it; in force at bar times."""
    before, control = _heads(settings), Control(settings)
    control.issue("parameters", parameters={"emit": "on_change"}, reason="one signal per decision")
    events = 1
    for part in parts:
        if part.every_bar_from is not None and part.every_bar_to is not None:
            for emit, moment in (("every_bar", part.every_bar_from), ("on_change", part.every_bar_to)):
                control.issue("parameters", parameters={"emit": emit}, effective_from=moment, reason="burst of seconds")
                events += 1
    _await_relay(settings, before, events)


def _await_relay(settings: Settings, before: Mapping[int, int], events: int) -> None:
    until = time.monotonic() + _RELAY_S
    while any(high - before[p] < events for p, high in _heads(settings).items()):
        if time.monotonic() > until:
            raise OperatorError(f"control events were not relayed in {_RELAY_S:g} s; see the ingest's log")
        time.sleep(0.05)


def _drain(active: Scene, console: Console, idle: Idle = lambda: None) -> None:
    """Wait until nothing waits before any stage, with ``idle`` called again and again.

    The deadline starts anew whenever something has moved.
    """
    settings, until, last = active.settings, time.monotonic() + _DRAIN_S, None
    with connect(settings, name="signaltape-demo") as connection:
        while state := list(waiting(settings, connection)) or list(unanswered(settings, connection)):
            if state != last:
                until, last = time.monotonic() + _DRAIN_S, state
            console.say(", ".join(f"{count:,} messages before {stage}" for stage, count in state))
            if time.monotonic() > until:
                raise OperatorError(
                    f"nothing has moved for {_DRAIN_S:g} s ({state}); see the logs in {active.folder / 'logs'}"
                )
            idle()
            time.sleep(0.1)
