"""The page *Models*: registry, what is live, changes of it."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Response

from infra.scoring.errors import UnknownModel
from infra.settings import Settings
from infra.warehouse.audit import newest_lines
from infra.warehouse.connection import Connection
from infra.warehouse.moments import to_nanoseconds
from pipeline.deployments import ModelRef
from producers.timestamps import parse_time
from signaltape.console.changes.routes import add_routes
from signaltape.console.files import SANDBOXED, served
from signaltape.console.models.live_at import live_at_document
from signaltape.console.models.overview import overview
from signaltape.console.models.shadows import shadows
from signaltape.console.models.version import card_of, version_detail
from signaltape.console.reading import read, told
from signaltape.http.backend import Backend
from signaltape.http.bodies import model_ref
from signaltape.http.failures import Refused
from signaltape.http.replies import reply
from signaltape.serving.control_view import ControlView
from signaltape.serving.errors import ServingError

Result = TypeVar("Result")

_MOST_HOURS = 24 * 366
_MOST_SYMBOLS = 50
_MOST_LINES = 200
_LOOK_EVERY_S = 0.5


def router(backend: Backend) -> APIRouter:
    """The routes of this page."""
    routes = APIRouter(prefix="/models")
    backend.streams.add("control", lambda: _newest(backend.view), _LOOK_EVERY_S, only_changes=True)
    add_routes(routes, backend, served()[1].build)

    @routes.get("/overview")
    async def first() -> Response:
        return reply(await backend.reads.run(overview, backend.settings, backend.view))

    @routes.get("/version")
    async def version(model: Annotated[str, Query(max_length=200)]) -> Response:
        ref = _ref(model)
        return reply(await told(backend, lambda: _known(version_detail, backend.settings, ref)))

    @routes.get("/card")
    async def card(model: Annotated[str, Query(max_length=200)]) -> Response:
        ref = _ref(model)
        found = await told(backend, lambda: _known(card_of, backend.settings, ref))
        if found is None:
            raise Refused(404, f"no card was registered with {ref}")
        headers = {"Content-Security-Policy": SANDBOXED}
        return Response(found, headers=headers, media_type="text/html; charset=utf-8")

    _past(routes, backend)
    return routes


def _past(routes: APIRouter, backend: Backend) -> None:
    @routes.get("/audit")
    async def audit() -> Response:
        """The newest calls that changed something, or would have, as they were recorded; newest first."""
        prefix = backend.settings.topics.prefix
        lines = await read(backend, lambda connection: newest_lines(connection, prefix, limit=_MOST_LINES + 1))
        shown = [{**asdict(one), "at": to_nanoseconds(one.at)} for one in lines[:_MOST_LINES]]
        return reply({"lines": shown, "truncated": len(lines) > _MOST_LINES, "limit": _MOST_LINES})

    @routes.get("/shadows")
    async def shadowed(
        strategy: Annotated[str, Query(max_length=200)], hours: Annotated[float, Query(gt=0)] = 24.0
    ) -> Response:
        kept = min(hours, _MOST_HOURS)

        def work(connection: Connection) -> dict[str, Any]:
            return shadows(connection, backend.settings, strategy, kept)

        return reply({**await read(backend, work), "truncated": hours > kept, "limit_hours": _MOST_HOURS})

    @routes.get("/live-at")
    async def at(
        at: Annotated[str, Query(max_length=64)],
        symbol: Annotated[list[str] | None, Query(max_length=_MOST_SYMBOLS)] = None,
    ) -> Response:
        try:
            instant = parse_time(at)
        except ValueError as error:
            raise ServingError("invalid", str(error), "at") from error
        return reply(await told(backend, lambda: live_at_document(backend.settings, instant, symbol or [])))


def _newest(view: ControlView) -> dict[str, Any]:
    """What was decided last, and why that can't be followed now ("" if it can)."""
    events = view.events
    return {"control_offset": events[-1].control_offset if events else -1, "failure": view.failure}


def _known(read: Callable[[Settings, ModelRef], Result], settings: Settings, ref: ModelRef) -> Result:
    try:
        return read(settings, ref)
    except UnknownModel as error:
        raise ServingError("unknown_model", str(error)) from error


def _ref(text: str) -> ModelRef:
    found = model_ref(text)
    if found is None:
        raise ServingError("unknown_model", f"{text[:80]!r} is no NAME:VERSION", "model")
    return found
