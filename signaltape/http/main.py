"""The API service: uvicorn in a thread of the same shell that every service has."""

import logging
import socket
import threading
from contextlib import closing
from typing import Any

import uvicorn

from consumers.service import Context, run_service
from infra.api_settings import ApiSettings
from infra.errors import OperatorError
from infra.scoring.session import limit_memory
from infra.settings import Settings
from infra.telemetry.announcement import announce, withdraw
from infra.telemetry.logs import get_logger
from signaltape.http.app import create_app
from signaltape.http.backend import Backend

_KEEP_ALIVE_S = 15
_LAST_WORDS_S = 5


class ApiFailed(OperatorError):
    """The HTTP server can't begin, or has ended by itself."""


def run(settings: Settings, instance: int = 0) -> int:
    """Run the API until it is stopped; return the exit code. Instances are independent of each other."""
    return run_service("api", instance, settings, _body)


def _body(context: Context) -> None:
    options = context.settings.api
    context.health.ready("started", False, "starting")
    limit_memory(context.settings.inference.model_memory_mb)
    with closing(Backend(context.settings, context.health)) as backend, _listen(options) as listener:
        backend.start()
        server = uvicorn.Server(_config(create_app(backend), options))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="http", daemon=True)
        thread.start()
        port = listener.getsockname()[1]
        announced = announce(context.settings.home / "run", f"api-{context.instance}-http", port)
        get_logger().info(
            "listening",
            host=options.host,
            port=port,
            can_change=sorted(options.named_tokens),
            can_read=sorted({*options.named_tokens, *options.read_tokens}) if options.read_needs_token else "everybody",
            console=f"http://{f'[{options.host}]' if ':' in options.host else options.host}:{port}/console",
        )
        context.health.ready("started", True)
        while not context.stop.wait(0.2) and thread.is_alive():
            pass
        withdraw(announced)
        backend.streams.end()
        ended = not thread.is_alive()
        server.should_exit = True
        thread.join(2 * _LAST_WORDS_S)
    if ended and not context.stop.is_set():
        raise ApiFailed("the HTTP server has ended by itself; its log says why")


def _listen(options: ApiSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    try:
        return socket.create_server((options.host, options.port), family=family, backlog=options.max_connections)
    except OSError as error:
        raise ApiFailed(
            f"the API can't listen on {options.host}:{options.port} ({error.strerror}); set SIGNALTAPE_API__PORT"
        ) from error


def _config(app: Any, options: ApiSettings) -> uvicorn.Config:
    logging.getLogger("uvicorn.access").disabled = True
    return uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=options.max_connections,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_LAST_WORDS_S,
    )
