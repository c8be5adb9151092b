"""The console's addresses: its one document, its files, its stream of events, and the routes of each page."""

import time
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from signaltape import __version__
from signaltape.console import session
from signaltape.console.api import data, drift, flow, models, runs, signals
from signaltape.console.files import served
from signaltape.console.runbook import page as runbook
from signaltape.http.access import client_of
from signaltape.http.backend import Backend
from signaltape.http.failures import Refused
from signaltape.http.reading import anyone, session_of
from signaltape.http.tokens import Tokens

#: Pages by the last part of their address, with the names that they lead to.
PAGES = {
    "flow": "Flow", "signals": "Signals", "models": "Models", "drift": "Drift", "data": "Data",
    "runs": "Replays and backtests",
}  # fmt: skip
EVENTS = "/console/events"
CHANGE = "/console/api/models/change"


def router(backend: Backend) -> APIRouter:
    """Everything below ``/console``; the routes of single pages join where their modules are named."""
    routes = APIRouter(include_in_schema=False)
    routes.include_router(session.router(backend))
    for one in (flow, signals, models, drift, data, runs):
        routes.include_router(one.router(backend), prefix="/console/api")
    files, page = served()
    # Read by the page before it reads anything else, so that it asks for a token first.
    content = page.content.replace(b"$reading", b"token" if backend.options.read_needs_token else b"open")

    open_, tokens = [Depends(anyone)], Tokens(backend.options)

    @routes.get("/", dependencies=open_)
    async def start() -> Response:
        return RedirectResponse("/console/flow", 307)

    @routes.get("/console", dependencies=open_)
    @routes.get("/console/", dependencies=open_)
    async def first() -> Response:
        return RedirectResponse("/console/flow", 307)

    @routes.get("/console/static/{name:path}", dependencies=open_)
    async def file(request: Request, name: str) -> Response:
        found = files.get(name)
        if found is None:
            raise Refused(404, "there is no such file")
        headers = {"ETag": found.etag, "Cache-Control": "no-cache"}
        if request.headers.get("if-none-match") == found.etag:
            return Response(status_code=304, headers=headers)
        return Response(found.content, headers=headers, media_type=found.media_type)

    @routes.get(EVENTS)
    async def events(request: Request, channels: Annotated[str, Query(max_length=200)] = "") -> Response:
        names = frozenset(filter(None, channels.split(",")))
        unknown = names - backend.streams.names
        if unknown:
            raise Refused(404, f"there is no channel {', '.join(sorted(unknown))[:80]}")
        hello = {"build": page.build, "version": __version__, "now_ns": time.time_ns()}
        stream = backend.streams.listen(names, hello, client_of(request))
        if backend.options.read_needs_token and (found := session_of(request, tokens)):
            stream = session.until(found.ends_s, stream)
        return StreamingResponse(stream, media_type="text/event-stream")

    @routes.get("/console/runbook", dependencies=open_)
    async def manual(theme: Literal["", "light", "dark"] = "") -> Response:
        leads = tuple((f"/console/{name}", title) for name, title in PAGES.items())
        headers = {"Content-Security-Policy": runbook.POLICY}
        return Response(runbook.runbook_page(leads, theme), headers=headers, media_type="text/html; charset=utf-8")

    @routes.get("/console/{name}", dependencies=open_)
    @routes.get("/console/{name}/{rest:path}", dependencies=open_)
    async def document(name: str, rest: str = "") -> Response:
        if name not in PAGES:
            raise Refused(404, "there is no such page; begin at /console")
        headers = {"Content-Security-Policy": page.policy, "X-Signaltape-Build": page.build}
        return Response(content, headers=headers, media_type="text/html; charset=utf-8")

    return routes
