"""The page *Flow*: rates, lags, reconciliation, what is degraded."""

from fastapi import APIRouter, Request, Response

from signaltape.console.flow.reconciled import Reconciled
from signaltape.console.flow.watch import EVERY_S, FlowWatch
from signaltape.http.backend import Backend
from signaltape.http.failures import Refused
from signaltape.http.replies import reply


def router(backend: Backend) -> APIRouter:
    """The routes of this page, and the channel ``flow``."""
    routes = APIRouter(prefix="/flow")
    backend.streams.add("flow", FlowWatch(backend).make, EVERY_S)
    reconciled = Reconciled()
    backend.endings.append(reconciled.close)

    @routes.get("/reconciliation")
    async def reconciliation() -> Response:
        return reply(reconciled.state())

    @routes.post("/reconciliation")
    async def again(request: Request) -> Response:
        # It changes nothing and is bounded to one a minute, so that it needs no token; but it costs something, and the
        # header is one that another site's page can't send.
        if "x-signaltape-build" not in request.headers:
            raise Refused(403, "this is asked for by the console's own page")
        began = reconciled.start()
        return reply(reconciled.state(), 202 if began else 200)

    return routes
