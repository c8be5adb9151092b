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
    2. Wait for the answer of each one that lives. One that dies meanwhile falls silent and is not waited for any
       more; one that starts meanwhile has to answer too.
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
        reasons: Sequence[str] = ()
        end = time.monotonic() + deadline_s
        while True:
            living, answers = warehouse.run(lambda connection: _state(connection, settings.topics.prefix, request))
            waiting = [one for one in living if one.incarnation not in answers]
            if not waiting or time.monotonic() >= end:
                break
            time.sleep(_POLL_S)  # 2.
        if living:
            reasons = _reasons(living, answers, deadline_s)
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
    return tuple(_readiness(one, answers[one.incarnation]) for one in living)


def _state(
    connection: Connection, prefix: str, request: int
) -> tuple[list[ServingInstance], Mapping[str, PrepareAnswer]]:
    # Answers first: an instance that starts in between is then seen without its answer, not overlooked.
    answers = serving.answers(connection, request)
    return [one for one in serving.instances(connection, prefix) if one.lives], answers


def _reasons(
    living: Sequence[ServingInstance], answers: Mapping[str, PrepareAnswer], deadline_s: float
) -> Sequence[str]:
    found = []
    for one in living:
        given = answers.get(one.incarnation)
        if given is None:
            found.append(f"{one} did not answer in {deadline_s:g} s; is its machine overloaded?")
        elif given.reason:
            found.append(f"{one}: {given.reason}")
    return found


def _loaded_here(settings: Settings, ref: ModelRef) -> Sequence[str]:
    models = LoadedModels(ModelRegistry(settings), settings.inference)
    reason = models.prepare(ref) or computed(models, ref, settings)
    return [reason] if reason else []


def _readiness(one: ServingInstance, given: PrepareAnswer) -> InstanceReadiness:
    return InstanceReadiness(
        instance=one.instance, host=one.host, pid=one.pid, partitions=one.partitions, elapsed_ms=given.elapsed_ms
    )
