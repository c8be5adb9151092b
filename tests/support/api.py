"""The API as a process of its own, and a client of it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from infra.settings import Settings
from tests.support.services import ServiceProcess


class Api(httpx.Client):
    """Calls one API; ``process`` is what serves it, ``port`` where."""

    def __init__(self, process: ServiceProcess, port: int, token: str = "") -> None:
        super().__init__(base_url=f"http://127.0.0.1:{port}", timeout=90.0)
        self.process, self.port, self.token = process, port, token

    def decide(self, action: str, token: str | None = None, **body: object) -> httpx.Response:
        """POST a changing call with the token."""
        shown = self.token if token is None else token
        return self.post(f"/{action}", json=body, headers={"Authorization": f"Bearer {shown}"})


@contextmanager
def running_api(settings: Settings, instance: int = 0, token: str = "", **environment: str) -> Iterator[Api]:
    """Run the API until the block ends; it is ready when it begins. ``environment`` replaces groups of settings."""
    process = ServiceProcess(settings, "api", instance, **environment)
    try:
        process.wait_ready()
        announced = settings.home / "run" / f"api-{instance}-http.json"
        with Api(process, json.loads(announced.read_text())["port"], token) as client:
            yield client
        assert process.stop() == 0, process.tail()
    finally:
        if process.poll() is None:
            process.kill()
