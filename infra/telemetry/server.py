"""The small HTTP server of every process: /metrics, /health, /ready."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder

from infra.errors import OperatorError
from infra.telemetry.announcement import announce, withdraw
from infra.telemetry.health import Health


class TelemetryServer:
    """Serves one process's metrics and health from a thread of its own. ``/health`` never looks at a dependency."""

    def __init__(self, host: str, port: int, health: Health) -> None:
        try:
            self._server = ThreadingHTTPServer((host, port), _handler(health))
        except OSError as error:
            raise OperatorError(
                f"metrics can't be served on {host}:{port} ({error.strerror}); set SIGNALTAPE_METRICS__PORT"
            ) from error
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._announced: Path | None = None
        self._thread = threading.Thread(target=self._server.serve_forever, name="telemetry", daemon=True)
        self._thread.start()

    def announce(self, folder: Path, name: str) -> None:
        """Write where this process answers to ``<folder>/<name>.json``."""
        self._announced = announce(folder, name, self.port)

    def close(self) -> None:
        """Stop serving, and take back the announcement unless a successor has replaced it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        if self._announced is not None:
            withdraw(self._announced)


def _handler(health: Health) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        server_version = "signaltape"
        sys_version = ""
        timeout = 10

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                encode, content_type = choose_encoder(self.headers.get("Accept", ""))
                self._answer(200, encode(REGISTRY), content_type)
            elif path == "/health":
                self._answer(200, b'{"status": "alive"}', "application/json")
            elif path == "/ready":
                ok, detail = health.report()
                body = json.dumps({"status": "ready" if ok else "not ready", **detail}).encode()
                self._answer(200 if ok else 503, body, "application/json")
            else:
                self._answer(404, b'{"error": "known are /metrics, /health, /ready"}', "application/json")

        def _answer(self, status: int, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Requests aren't logged: they come every few seconds and say nothing."""

    return Handler
