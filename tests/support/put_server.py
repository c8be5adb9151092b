"""A web server that takes PUT and answers GET, in memory: what an object store is to `dataset push`."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class PutServer(ThreadingHTTPServer):
    """``kept``: path → bytes. ``refuse``: paths that contain it answer 507. ``tokens``: what clients sent."""

    daemon_threads = False  # so that closing the server waits until every connection is closed

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.kept: dict[str, bytes] = {}
        self.refuse = ""
        self.tokens: set[str | None] = set()
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/sets"


class _Handler(BaseHTTPRequestHandler):
    server: PutServer

    def do_GET(self) -> None:
        self.server.tokens.add(self.headers["Authorization"])
        found = self.server.kept.get(self.path)
        self._answer(404 if found is None else 200, found or b"")

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.refuse and self.server.refuse in self.path:
            self._answer(507)
            return
        with self.server.lock:
            taken = self.headers["If-None-Match"] == "*" and self.path in self.server.kept
            if not taken:
                self.server.kept[self.path] = body
        self._answer(412 if taken else 201)

    def _answer(self, code: int, body: bytes = b"") -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def put_server() -> Iterator[PutServer]:
    with PutServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
