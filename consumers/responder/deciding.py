"""The facts that a decision of the guard is made from, read where they are kept."""

import time
from dataclasses import replace

from consumers.inference.restore import control_events
from infra.broker.admin import low_high_offsets
from infra.settings import Settings
from infra.warehouse import deployments, serving
from infra.warehouse.connection import Connection, Warehouse
from infra.warehouse.guard import registered_models, state_of
from pipeline.deployments import ModelRef
from pipeline.guard.decision import Moment, Refusal, Step, decide, irrelevant
from pipeline.guard.drill import drill_of
from pipeline.guard.policy import GuardPolicy
from pipeline.guard.state import GuardState, InForce, in_force
from pipeline.succession import order_of_effect
from schemas.alerts import Alert
from schemas.control import ControlEvent
from schemas.topics import TopicNames

#: How long inference instances may take to load a model before another rung is looked for.
PREPARE_S = 15.0
_POLL_S = 0.1


def events_so_far(settings: Settings, warehouse: Warehouse) -> tuple[list[ControlEvent], frozenset[ModelRef]]:
    """Return valid control events in the order of effect, and the models that are registered.

    Raises TopicError, BrokerError, WarehouseUnavailable.
    """
    topic = TopicNames(settings.topics.prefix).control
    events = control_events(settings, low_high_offsets(settings, topic)[0][1] - 1)

    def stored(connection: Connection) -> tuple[dict[int, int], frozenset[ModelRef]]:
        return deployments.latest_effect(connection, topic), registered_models(connection)

    effective, registered = warehouse.run(stored)
    return order_of_effect(events, effective), registered


class Decider:
    """Decides about one alert at a time."""

    def __init__(self, settings: Settings, policy: GuardPolicy, warehouse: Warehouse) -> None:
        self._settings, self._policy, self._warehouse = settings, policy, warehouse

    def decide(self, alert: Alert, published: int) -> Step | Refusal:
        """Return what is to be done; ``published``: ns UTC. Raises BrokerError, WarehouseUnavailable.

        A model that a step would put in force is loaded by every inference instance first, if the mode is ``act``; one
        that can't be is passed over for the next rung.
        """
        if (refusal := irrelevant(alert, self._policy)) is not None:
            return refusal
        now = in_force(*events_so_far(self._settings, self._warehouse))
        state = self._warehouse.run(lambda connection: self._state(connection, alert))
        while True:
            moment = Moment(at=time.time_ns(), published=published)
            answer = decide(alert, state, self._policy, now, moment)
            model = answer.effect.model if isinstance(answer, Step) else None
            if model is None or self._policy.mode != "act":
                return answer
            if not (why := self._unready(model)):
                return answer
            now = _without(now, model, why)

    def _state(self, connection: Connection, alert: Alert) -> GuardState:
        prefix, mode = self._settings.topics.prefix, self._policy.mode
        return state_of(connection, prefix, alert.strategy, mode, drill_of(alert))

    def _unready(self, model: ModelRef) -> str:
        """Return why living inference instances don't have the model ready, "" if they do, or none lives."""
        prefix, name = self._settings.topics.prefix, (model.name, model.version)
        request = self._warehouse.run(lambda one: serving.ask(one, prefix, name, PREPARE_S))
        end = time.monotonic() + PREPARE_S
        try:
            while True:
                given = self._warehouse.run(lambda one: serving.answers(one, request))
                known = self._warehouse.run(lambda one: serving.instances(one, prefix))
                living = [one for one in known if one.lives]
                reasons = [f"{one}: {given[one.incarnation].reason}" for one in living
                           if one.incarnation in given and given[one.incarnation].reason]  # fmt: skip
                waiting = [one for one in living if one.incarnation not in given]
                if reasons or not waiting:
                    return "; ".join(reasons)
                if time.monotonic() >= end:
                    return f"{waiting[0]} did not answer in {PREPARE_S:g} s"
                time.sleep(_POLL_S)
        finally:
            self._warehouse.run(lambda one: serving.close(one, request))


def _without(now: InForce, model: ModelRef, why: str) -> InForce:
    return replace(now, unloadable={**now.unloadable, model: why})
