"""GET …/effect tells what a change would do; POST …/change makes it, if nothing was decided since."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request, Response

from infra.errors import OperatorError
from infra.scoring.errors import ModelRefused
from infra.warehouse.errors import WarehouseUnavailable
from signaltape.client.errors import ClientUsageError
from signaltape.console.changes.acting import Done, act
from signaltape.console.changes.asked import Change, ChangeRequest
from signaltape.console.changes.checks import page_checks
from signaltape.console.changes.effects import effect_of
from signaltape.http.access import audit, audited, client_of, who_of
from signaltape.http.backend import Backend
from signaltape.http.failures import failure
from signaltape.http.replies import reply
from signaltape.promotion.errors import DecisionRefused
from signaltape.rollout import (
    EventRefused,
    NotReceived,
    PreparationFailed,
    RefusedByInference,
    RolloutBusy,
    StateChanged,
)
from signaltape.serving.errors import ServingError

#: What is left of a request's time once the change has arrived, or has not.
_ANSWERING_S = 2.0


def add_routes(routes: APIRouter, backend: Backend, build: str) -> None:
    """Add both routes; a page of another ``build`` than this one can't change anything."""

    checks = page_checks(backend, build)

    @routes.get("/effect")
    async def effect(
        action: Annotated[str, Query(max_length=20)],
        strategy: Annotated[str, Query(max_length=200)] = "",
        model: Annotated[str | None, Query(max_length=80)] = None,
        symbol: Annotated[list[str] | None, Query(max_length=1_000)] = None,
        scale: float | None = None,
    ) -> Response:
        asked = {"action": action, "strategy": strategy, "model": model, "symbols": symbol or [], "scale": scale}
        change = Change.model_validate(asked)
        return reply(asdict(await backend.reads.run(effect_of, backend.settings, change)))

    @routes.post("/change", dependencies=checks)
    async def change(request: Request, asked: Annotated[ChangeRequest, Body()]) -> Response:
        """Make a change; returns once every partition has received it, or can't be waited for any longer."""
        return await _change(backend, request, asked)


async def _change(backend: Backend, request: Request, asked: ChangeRequest) -> Response:
    concerned: dict[str, Any] = {**asked.change.model_dump(exclude_defaults=True), "why": asked.reason}
    end = time.monotonic() + backend.options.change_timeout_s - _ANSWERING_S
    by_whom = f"{who_of(request)} over the console from {client_of(request)}"
    await audited(request, "asked", **concerned, forces=asked.forces)

    async def make() -> Done:
        return await backend.decisions.run(act, backend.settings, asked, by_whom, end)

    return await _answered(request, concerned, make)


async def _answered(request: Request, concerned: dict[str, Any], make: Callable[[], Awaitable[Done]]) -> Response:
    try:
        done = await make()
    except StateChanged as error:
        audit(request, "refused", **concerned, error=str(error))
        message = "Something was decided since this was shown, so nothing was done. Look at it again."
        return failure(409, "state_changed", message, changed=error.changed)
    except NotReceived as error:
        audit(request, "not received everywhere", **concerned, error=str(error))
        return reply({"received": False, "text": f"Written, not received everywhere yet: {error}"}, 202)
    except RefusedByInference as error:
        audit(request, "refused by the inference", **concerned, error=str(error))
        return failure(422, "refused_by_inference", str(error))
    except (EventRefused, DecisionRefused, PreparationFailed, RolloutBusy, ClientUsageError) as error:
        audit(request, "refused", **concerned, error=str(error))
        return failure(422, "refused", str(error))
    except ServingError as error:  # there was no thread for it, in time or at all
        audit(request, "not written", **concerned, error=str(error))
        return failure(503, "not_written", f"nothing was written: {error}")
    except ModelRefused as error:
        audit(request, "refused", **concerned, error=str(error))
        return failure(422, "refused", str(error))
    except OperatorError as error:
        audit(request, "failed", **concerned, error=str(error))
        what = "Postgres" if isinstance(error, WarehouseUnavailable) else "A service behind this one"
        message = f"{what} does not answer as it should. If the change was written, it stands under Recent changes."
        return failure(503, "unknown_outcome", message)
    except asyncio.CancelledError:
        audit(request, "no answer in time", **concerned)
        raise
    audit(request, "done", **concerned, event_id=done.event_id, forced=done.forced)
    return reply({"received": True, **asdict(done)})
