"""The page *Replays and backtests*."""

import time
from typing import Any

from fastapi import APIRouter, Request, Response

from infra.errors import OperatorError
from pipeline.replay.naming import ReplayName
from signaltape.console.changes.checks import page_checks
from signaltape.console.files import SANDBOXED, served
from signaltape.console.reading import told
from signaltape.console.runs.backtests import Backtests, Known, one_backtest, report_of
from signaltape.console.runs.replays import replays
from signaltape.console.runs.steering import Action, StateMoved, Steer, steer
from signaltape.http.access import audit, audited
from signaltape.http.backend import Backend
from signaltape.http.failures import failure
from signaltape.http.replies import reply
from signaltape.serving.errors import ServingError

_REPLAYS_EVERY_S = 1.0
#: What is left of a request's time for its answer.
_ANSWERING_S = 2.0


def router(backend: Backend) -> APIRouter:
    """The routes of this page, and the channel ``replays``."""
    routes = APIRouter(prefix="/runs")
    settings = backend.settings
    backend.streams.add("replays", lambda: replays(settings), _REPLAYS_EVERY_S, only_changes=True)
    _backtests(routes, backend)

    @routes.get("/replays")
    async def all_replays() -> Response:
        return reply(await told(backend, lambda: replays(settings)))

    @routes.post("/replays/{ident}/{action}", dependencies=page_checks(backend, served()[1].build))
    async def change(request: Request, ident: str, action: Action, asked: Steer) -> Response:
        return await _steered(backend, request, (ident, action), asked)

    return routes


async def _steered(backend: Backend, request: Request, what: tuple[str, Action], asked: Steer) -> Response:
    ident, action = what
    about: dict[str, Any] = {"replay": ident[:80], "action": action, "why": asked.reason}
    await audited(request, "asked", **about)
    end = time.monotonic() + backend.options.request_timeout_s - _ANSWERING_S

    def act() -> dict[str, object]:
        name = ReplayName(ident)
        return steer(backend.settings, name, action, asked.expected, max(1.0, end - time.monotonic()))

    try:
        done = await backend.decisions.run(act)
    except StateMoved as error:
        audit(request, "refused", **about, error=str(error))
        message = "Somebody steered this replay since it was shown, so nothing was done. Look at it again."
        return failure(409, "state_changed", message, changed=[str(error)])
    except ServingError as error:
        audit(request, "not written", **about, error=str(error))
        raise
    except (OperatorError, ValueError) as error:
        audit(request, "refused", **about, error=str(error))
        return failure(422, "refused", str(error))
    audit(request, "done" if done["obeyed"] else "not obeyed yet", **about)
    return reply(done)


def _backtests(routes: APIRouter, backend: Backend) -> None:
    known = Backtests(backend.settings)

    @routes.get("/backtests")
    async def all_backtests() -> Response:
        return reply(await told(backend, known.table))

    @routes.get("/backtests/{ident}")
    async def one(ident: str) -> Response:
        return reply(await told(backend, lambda: one_backtest(known.find(ident))))

    @routes.get("/backtests/{ident}/report")
    async def report(ident: str) -> Response:
        def page() -> bytes:
            found: Known = known.find(ident)
            return report_of(found)

        headers = {"Content-Security-Policy": SANDBOXED}
        return Response(await told(backend, page), headers=headers, media_type="text/html; charset=utf-8")
