"""First step of a promotion: every inference instance loads, checks and warms the model beside the live one."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from consumers.inference.models import LoadedModels
from consumers.inference.preparation import computed
from infra.scoring.registry import ModelRegistry
from infra.settings import Settings
from infra.warehouse import serving
from infra.warehouse.alert_outbox import add_alerts
from infra.warehouse.connection import Connection, Warehouse
from infra.warehouse.serving import PrepareAnswer, ServingInstance
from pipeline.deployments import ModelRef
from pipeline.operations import promotion_failed
from signaltape.rollout.errors import PreparationFailed

_POLL_S = 0.02


@dataclass(frozen=True, kw_only=True, slots=True)
class InstanceReadiness:
    """One instance that has the model ready, and how long that took; ``partitions`` it owned at the time."""

    instance: int
    host: str
    pid: int
    partitions: tuple[int, ...]
    elapsed_ms: float


def prepare(
    settings: Settings, ref: ModelRef, *, deadline_s: float = 30.0, allow_none: bool = False
) -> tuple[InstanceReadiness, ...]:
    """Return when every living inference instance has the model ready.

    1. A request is written; instances hear of it at once.
    2. Wait for the answer of each one that lives. One that falls silent meanwhile without an answer is not waited for
       any more and has failed: it may be back any moment, without the model. One that ends meanwhile doesn't count,
       one that starts has to answer too.
    3. The request is closed; where it failed, an alert of rule ``promotion_failed`` is put into the outbox with that.

    Nothing is in force yet: a death at any place leaves a model loaded that nobody asks. Raises PreparationFailed
    with each instance's reason, or where no instance runs; with ``allow_none`` the model is then loaded and checked
    in this process instead, and () returned. Raises WarehouseUnavailable.
    """
    with Warehouse(settings, "signaltape-rollout") as warehouse:
        name = (ref.name, ref.version)
        request = warehouse.run(
            lambda connection: serving.ask(connection, settings.topics.prefix, name, deadline_s)
        )  # 1.
        asked, answers = _answered(warehouse, settings.topics.prefix, request, deadline_s)  # 2.
        if asked:
            reasons = _reasons(asked, answers, deadline_s)
        elif not allow_none:
            reasons = ["no inference instance runs; start one with `signaltape run inference`"]
        else:
            reasons = _loaded_here(settings, ref)

        def finish(connection: Connection) -> None:
            serving.close(connection, request)
            if reasons:
                at = time.time_ns() // 1_000 * 1_000
                add_alerts(connection, [promotion_failed(ref, reasons, request, at)])

        warehouse.run(finish)  # 3.
    if reasons:
        raise PreparationFailed(f"model {ref} is not ready, nothing was changed: {'; '.join(reasons)}")
    return tuple(_readiness(one, answers[one.incarnation]) for one in asked if one.lives)


def _answered(
    warehouse: Warehouse, prefix: str, request: int, deadline_s: float
) -> tuple[Sequence[ServingInstance], Mapping[str, PrepareAnswer]]:
    """Return the instances that live or fell silent while asked, once none that lives is without an answer."""
    end, lived = time.monotonic() + deadline_s, set[str]()
    while True:
        known, answers = warehouse.run(lambda connection: _state(connection, prefix, request))
        lived |= {one.incarnation for one in known if one.lives}
        waiting = [one for one in known if one.lives and one.incarnation not in answers]
        if not waiting or time.monotonic() >= end:
            return [one for one in known if one.incarnation in lived], answers
        time.sleep(_POLL_S)


def _state(
    connection: Connection, prefix: str, request: int
) -> tuple[list[ServingInstance], Mapping[str, PrepareAnswer]]:
    # Answers first: an instance that starts in between is then seen without its answer, not overlooked.
    answers = serving.answers(connection, request)
    return serving.instances(connection, prefix), answers


def _reasons(
    asked: Sequence[ServingInstance], answers: Mapping[str, PrepareAnswer], deadline_s: float
) -> Sequence[str]:
    found = []
    for one in asked:
        given = answers.get(one.incarnation)
        if given is not None:
            found += [f"{one}: {given.reason}"] if given.reason else []
        elif one.lives:
            found.append(f"{one} did not answer in {deadline_s:g} s; is its machine overloaded?")
        else:
            found.append(f"{one} fell silent before it answered; if it has died, try again now")
    return found


def _loaded_here(settings: Settings, ref: ModelRef) -> Sequence[str]:
    models = LoadedModels(ModelRegistry(settings), settings.inference)
    reason = models.prepare(ref) or computed(models, ref, settings)
    return [reason] if reason else []


def _readiness(one: ServingInstance, given: PrepareAnswer) -> InstanceReadiness:
    return InstanceReadiness(
        instance=one.instance, host=one.host, pid=one.pid, partitions=one.partitions, elapsed_ms=given.elapsed_ms
    )
