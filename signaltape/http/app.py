"""The application: its routes and what they answer."""

from fastapi import Depends, FastAPI

from signaltape import __version__
from signaltape.console import routes as console
from signaltape.http import control_routes, failures, predict_routes, read_routes
from signaltape.http.backend import Backend
from signaltape.http.guard import Guard
from signaltape.http.reading import ReadCheck


def create_app(backend: Backend) -> Guard:
    """Return the whole ASGI application. Its OpenAPI document is at ``/openapi.json``, the console at ``/console``."""
    app = FastAPI(
        title="signaltape",
        version=__version__,
        description="Predictions and signals on demand, by the same model runtime as the consumer.",
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(ReadCheck(backend.options))],
    )
    app.state.trail = backend.trail
    failures.install(app)
    for routes in (predict_routes, read_routes, control_routes, console):
        app.include_router(routes.router(backend))
    return Guard(app, backend.options, {console.EVENTS: None, console.CHANGE: backend.options.change_timeout_s})
