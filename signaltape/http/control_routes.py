"""POST /pause and /resume: decisions, behind the token, each with its audit line."""

import time
from dataclasses import asdict, replace
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from infra.errors import OperatorError
from infra.settings import Settings
from schemas.control import ControlEvent
from signaltape.client.control import new_event
from signaltape.client.errors import ClientUsageError
from signaltape.http.access import TokenCheck, audit, audited, client_of, who_of
from signaltape.http.backend import Backend
from signaltape.http.bodies import ControlRequest
from signaltape.http.failures import failure
from signaltape.http.replies import reply
from signaltape.rollout import Activation, EventRefused, NotReceived, RefusedByInference, issue_and_wait
from signaltape.rollout.strategies import require_known
from signaltape.serving.errors import ServingError

#: What is left of a request's time once the event has arrived, or has not.
_ANSWERING_S = 2.0


def router(backend: Backend) -> APIRouter:
    """The routes that change something."""
    routes = APIRouter(tags=["control"])
    permitted = Depends(TokenCheck(backend.options))

    @routes.post("/pause", dependencies=[permitted])
    async def pause(request: Request, asked: ControlRequest) -> Response:
        """Stop signals from the next bar on; returns once every partition has received it."""
        return await _decide(backend, request, "pause", asked)

    @routes.post("/resume", dependencies=[permitted])
    async def resume(request: Request, asked: ControlRequest) -> Response:
        """Let signals through again from the next bar on; returns once every partition has received it."""
        return await _decide(backend, request, "resume", asked)

    return routes


async def _decide(backend: Backend, request: Request, action: str, asked: ControlRequest) -> Response:
    concerned: dict[str, Any] = {"strategy": asked.strategy, "symbols": asked.symbols, "why": asked.reason}
    end = time.monotonic() + backend.options.request_timeout_s - _ANSWERING_S
    try:
        event = new_event(action, strategy=asked.strategy, symbols=tuple(asked.symbols), reason=asked.reason)
        event = replace(event, issued_by=f"{who_of(request)} over HTTP from {client_of(request)}")
        await audited(request, "asked", event_id=event.event_id, **concerned)
        done = await backend.decisions.run(_issue, backend.settings, event, end)
    except (EventRefused, RefusedByInference, ClientUsageError) as error:
        audit(request, "refused", **concerned, error=str(error))
        return failure(422, "refused", str(error))
    except ServingError as error:  # there was no thread for it, in time or at all
        audit(request, "not written", **concerned, error=str(error))
        return failure(503, "not_written", f"the {action} was not written: {error}")
    except NotReceived as error:
        audit(request, "not received everywhere", **concerned, error=str(error))
        return failure(504, "not_received", str(error))
    except OperatorError as error:
        audit(request, "failed", **concerned, error=str(error))
        raise
    audit(request, "done", event_id=done.event.event_id, **concerned)
    return reply({"event": asdict(done.event), "effective": _by_text(done), "late": list(done.late)})


def _issue(settings: Settings, event: ControlEvent, end: float) -> Activation:
    require_known(settings, event.strategy)
    return issue_and_wait(settings, event, deadline_s=max(1.0, end - time.monotonic()))


def _by_text(done: Activation) -> dict[str, int]:
    return {str(partition): effective for partition, effective in done.effective.items()}
