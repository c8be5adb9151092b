"""A web server that takes alerts: it can refuse, hang and drip, and remembers what came."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def key(self) -> str:
        return self.headers["Idempotency-Key"]


class WebhookServer(ThreadingHTTPServer):
    """``answers``: statuses of the next requests, then ``status``. ``silent``: answer nothing until ``let_go``."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.received: list[Received] = []
        self.answers: list[int] = []
        self.status = 204
        self.silent = self.dripping = False
        self.let_go = threading.Event()
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook/secret-path?a=1"

    def keys(self) -> list[str]:
        """Ids in the order in which they came, repetitions included."""
        with self.lock:
            return [one.key for one in self.received]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what some tests want."""


class _Handler(BaseHTTPRequestHandler):
    server: WebhookServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.received.append(Received(self.path, dict(self.headers), body))
            status = self.server.answers.pop(0) if self.server.answers else self.server.status
        if self.server.silent:
            self.server.let_go.wait(60)
            return
        if self.server.dripping:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while not self.server.let_go.wait(0.05):
                self.wfile.write(b"X-Drop: x\r\n")
            return
        self.send_response(status)
        if status in (301, 307):
            self.send_header("Location", self.server.url + "&moved")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def webhook_server(port: int = 0) -> Iterator[WebhookServer]:
    with WebhookServer(port) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.let_go.set()
            server.shutdown()
            thread.join()
