"""A drill: the chain of steps on a simulated fault, told only, or through the real topic and service."""

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass

from consumers.responder.deciding import events_so_far
from infra.settings import Settings
from infra.warehouse import Warehouse
from infra.warehouse.alert_outbox import add_alerts_once
from infra.warehouse.guard import StepRow, state_of, steps
from pipeline.guard.drill import Rehearsal, drill_alert, rehearse
from signaltape.guarding.errors import GuardError
from signaltape.rollout.strategies import require_known

_POLL_S = 0.1


class NoAnswer(GuardError):
    """The responder did not record what it decided about an alert of the drill in time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DrilledStep:
    """What the running responder recorded about one alert of a drill."""

    number: int
    row: StepRow


def rehearsal(settings: Settings, strategy: str) -> list[Rehearsal]:
    """Return what the guard would do, alert by alert, from what is in force now. Nothing is written anywhere.

    A veto in force counts, steps of earlier troubles don't. Raises EventRefused for a strategy that never had a model.
    """
    require_known(settings, strategy)
    with Warehouse(settings, "signaltape-drill") as warehouse:
        events, registered = events_so_far(settings, warehouse)
        state = warehouse.run(lambda one: state_of(one, settings.topics.prefix, strategy, "dry_run", "none"))
    policy, at = settings.guard.policy(), time.time_ns()
    return list(
        rehearse("rehearsal", strategy, events=events, registered=registered, policy=policy, state=state, at=at)
    )


def drill_for_real(settings: Settings, strategy: str, *, deadline_s: float = 30.0) -> Iterator[DrilledStep]:
    """Put one alert after the other through outbox, topic and responder; yield what it recorded about each.

    Under mode ``act`` the steps are real. It ends with the first refusal. Raises EventRefused, NoAnswer.
    """
    require_known(settings, strategy)
    policy, at = settings.guard.policy(), time.time_ns() // 1_000 * 1_000
    name = secrets.token_hex(4)
    with Warehouse(settings, "signaltape-drill") as warehouse:
        for number in range(len(policy.ladder) + 1):
            alert = drill_alert(name, strategy, number, at, policy)
            warehouse.run(lambda one: add_alerts_once(one, [alert]))  # noqa: B023
            row = _recorded(settings, warehouse, alert.alert_id, deadline_s)
            yield DrilledStep(number=number, row=row)
            if row.state in ("refused", "void"):
                return


def _recorded(settings: Settings, warehouse: Warehouse, alert_id: str, deadline_s: float) -> StepRow:
    end = time.monotonic() + deadline_s
    while True:
        rows = warehouse.run(lambda one: steps(one, settings.topics.prefix, limit=200))
        row = next((one for one in rows if one.alert_id == alert_id and one.state != "waiting"), None)
        if row is not None:
            return row
        if time.monotonic() >= end:
            raise NoAnswer(
                f"the responder recorded nothing about alert {alert_id} in {deadline_s:g} s: do `signaltape run drift` "
                "(which publishes it) and `signaltape run responder` run, and is guard.mode not off?"
            )
        time.sleep(_POLL_S)
