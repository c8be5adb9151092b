"""A real Prometheus over the processes of a test's home."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.settings import Settings
from signaltape.prometheus import LocalPrometheus
from tests.support import debian_tools
from tests.support.waiting import wait_for


class Prometheus:
    """What tests ask it. Times are those of the server's clock."""

    def __init__(self, server: LocalPrometheus) -> None:
        self._server = server
        self.address = server.address

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an instant query: each with `metric` (labels) and `value`."""
        return self._data("query", query=expression)["result"]  # type: ignore[no-any-return]

    def query_range(self, expression: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        """The series of a range query (seconds since 1970)."""
        found = self._data("query_range", query=expression, start=start, end=end, step=step)
        return found["result"]  # type: ignore[no-any-return]

    def value(self, expression: str) -> float | None:
        """The one number of a query, None if it has no answer."""
        found = self.query(expression)
        assert len(found) <= 1, found
        return float(found[0]["value"][1]) if found else None

    def wait_value(self, expression: str, deadline_s: float = 20.0) -> float:
        """The number, once there is one."""
        found = wait_for(lambda: self.query(expression), deadline_s, expression, 0.1)
        return float(found[0]["value"][1])

    def firing(self) -> dict[str, list[dict[str, str]]]:
        """Alerts that fire: name → labels of each."""
        return self._alerts("firing")

    def pending(self) -> dict[str, list[dict[str, str]]]:
        """Alerts whose condition holds, and not yet for long enough."""
        return self._alerts("pending")

    def targets_up(self) -> dict[str, bool]:
        """Instance → whether its last scrape succeeded."""
        found = self._data("targets")["activeTargets"]
        return {one["labels"]["instance"]: one["health"] == "up" for one in found}

    def _alerts(self, state: str) -> dict[str, list[dict[str, str]]]:
        found: dict[str, list[dict[str, str]]] = {}
        for one in self._data("alerts")["alerts"]:
            if one["state"] == state:
                found.setdefault(one["labels"]["alertname"], []).append(one["labels"])
        return found

    def _data(self, path: str, **parameters: Any) -> Any:
        address = f"{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(address, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode(errors='replace')}") from error


@contextmanager
def running_prometheus(
    settings: Settings, folder: Path, *, every_s: float = 0.5, rule_files: Sequence[Path] | None = None
) -> Iterator[Prometheus]:
    """Prometheus over the services that run in the home of `settings`; `rule_files`: those that ship, by default."""
    program = debian_tools.prometheus()
    with LocalPrometheus(settings, program, folder, every_s=every_s, rule_files=rule_files) as server:
        yield Prometheus(server)
