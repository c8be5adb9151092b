"""A strategy of its own for tests that change what is live over the console: no bar of the other strategies is touched.

Its model has the strategy's name and serves bars of one hour, which the world never publishes.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from infra.broker.reading import read_topic
from infra.scoring.registry import ModelRegistry
from infra.warehouse.connection import Warehouse
from infra.warehouse.model_comparisons import Comparison, add_comparison
from pipeline.deployments import ModelRef
from schemas.topics import TopicNames
from signaltape.model_tests import check_folder
from tests.support.console_world import ConsoleWorld
from tests.support.linear_models import write_linear_model

#: Markup, and a character that turns what follows round.
HOSTILE_REASON = "<img src=x onerror=alert(1)> \u202eno reason"


@dataclass(frozen=True)
class Desk:
    """Calls of the page *Models*, as its own page makes them, about the strategy ``name``."""

    world: ConsoleWorld
    name: str

    def register(self, folder: Path, count: int) -> None:
        """Register versions of the model whose model tests were run and kept."""
        for number in range(1, count + 1):
            place = folder / f"{self.name}-{number}"
            made = write_linear_model(
                place, name=self.name, version=0, feature_set="core", intervals=("1h",), description=f"no. {number}",
                weights={"logret_1": -0.1 * number, "volume_z_20": -0.0001},
            )  # fmt: skip
            assert check_folder(place, made).passed
            ModelRegistry(self.world.settings).register(place, made)

    def judged(self, challenger: int, champion: int, decision: str) -> None:
        """Record a comparison of two versions, as `models compare` does."""
        metric = {"metric": "rank_ic", "higher_is_better": True, "champion": 0.02, "challenger": 0.04,
                  "difference": 0.02, "percent": 100.0, "low": 0.01, "high": 0.03, "outcome": "improved"}  # fmt: skip
        detail = {"reasons": ["rank_ic told apart"], "metrics": [metric], "rows": 2_000, "times": 100,
                  "confidence": 0.95, "undefined": []}  # fmt: skip
        one = Comparison(
            challenger=ModelRef(name=self.name, version=challenger),
            champion=ModelRef(name=self.name, version=champion),
            strategy=self.name, source="live", data="1h", data_from=10**18, data_to=10**18 + 1, decision=decision,
            by_whom="tester", detail=detail,
        )  # fmt: skip
        with Warehouse(self.world.settings, "test") as warehouse:
            warehouse.run(lambda connection: add_comparison(connection, one))

    @property
    def build(self) -> str:
        return self.world.api.get("/console/models").headers["x-signaltape-build"]

    def get(self, path: str, **query: Any) -> httpx.Response:
        return self.world.api.get(f"/console/api/models/{path}", params=query)

    def overview(self) -> dict[str, Any]:
        found: dict[str, Any] = self.get("overview").json()
        return found

    def strategy(self) -> dict[str, Any]:
        return next(one for one in self.overview()["strategies"] if one["name"] == self.name)

    def effect(self, action: str, **more: Any) -> dict[str, Any]:
        answer = self.get("effect", action=action, strategy=self.name, **more)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def post(self, body: Any, **headers: str | None) -> httpx.Response:
        """``headers`` replace those of the page; None leaves one out. ``body``: JSON, or text as it is."""
        own = {"Authorization": f"Bearer {self.world.token}", "X-Signaltape-Build": self.build,
               "Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}  # fmt: skip
        given = {**own, **{name.replace("_", "-"): value for name, value in headers.items()}}
        kept = {name: value for name, value in given.items() if value is not None}
        if isinstance(body, str):
            return self.world.api.post("/console/api/models/change", content=body, headers=kept)
        return self.world.api.post("/console/api/models/change", json=body, headers=kept)

    def change(
        self, action: str, seen: int | None = None, *, reason: str = "a test", forces: tuple[str, ...] = (),
        strategy: str = "", **more: Any,
    ) -> httpx.Response:  # fmt: skip
        """Make a change as somebody who has just looked, or saw the state at ``seen``."""
        if seen is None:
            seen = self.overview()["control_offset"]
        body = {"change": {"action": action, "strategy": strategy or self.name, **more}, "seen": seen, "reason": reason,
                "forces": list(forces)}  # fmt: skip
        return self.post(body)

    def controls(self) -> int:
        """Number of events in ``control``."""
        return sum(1 for _ in read_topic(self.world.settings, TopicNames(self.world.settings.topics.prefix).control))

    def next_bar(self) -> None:
        """Let a bar pass: two promotions for one bar are refused."""
        self.world.stand.bar()
