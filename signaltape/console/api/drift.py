"""The page *Drift*: statistics over time, alerts."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from infra.warehouse.connection import Connection
from infra.warehouse.console_drift import Whose
from pipeline.drift.series import series_of_subject
from signaltape.console.drift.agent_state import AgentState, agent_state
from signaltape.console.drift.alerts import Wanted, alerts
from signaltape.console.drift.features import feature_detail, heat_map
from signaltape.console.drift.firing import FiringRules
from signaltape.console.drift.maturity import maturity
from signaltape.console.drift.overview import overview, series_course
from signaltape.console.drift.policy import policy_in_force
from signaltape.console.reading import read
from signaltape.http.backend import Backend
from signaltape.http.replies import reply
from signaltape.serving.errors import ServingError

#: Sessions that a picture shows at the most; a longer range is cut and the answer says so.
MOST_DAYS = 1_000
MOST_ALERTS = 200

Name = Annotated[str, Query(max_length=300)]
Days = Annotated[int, Query(ge=1)]


def router(backend: Backend) -> APIRouter:
    """The routes of this page."""
    routes = APIRouter(prefix="/drift")
    settings = backend.settings

    @routes.get("/series")
    async def series() -> Response:
        return reply(await read(backend, overview))

    @routes.get("/course")
    async def one_course(strategy: Name, subject: Name, days: Days = 60) -> Response:
        whose, kept = _whose(strategy, subject), min(days, MOST_DAYS)
        found = await read(backend, lambda connection: series_course(connection, whose, kept))
        return reply({**found, **_cut(days)})

    @routes.get("/features")
    async def features(strategy: Name, subject: Name, days: Days = 60) -> Response:
        whose = _whose(strategy, subject)
        return reply(await read(backend, lambda connection: heat_map(connection, whose, days)))

    @routes.get("/feature")
    async def feature(strategy: Name, subject: Name, feature: Name, days: Days = 60) -> Response:
        whose, kept = _whose(strategy, subject), min(days, MOST_DAYS)

        def work(connection: Connection) -> dict[str, object]:
            return feature_detail(connection, whose, feature, kept, agent_state(connection, settings))

        return reply({**await read(backend, work), **_cut(days)})

    _of_all(routes, backend)
    return routes


def _of_all(routes: APIRouter, backend: Backend) -> None:
    """What is told of every series: labels, the policy, alerts."""
    settings, firing = backend.settings, FiringRules(backend.settings)

    @routes.get("/maturity")
    async def labels() -> Response:
        return reply(await read(backend, lambda connection: maturity(agent_state(connection, settings))))

    @routes.get("/policy")
    async def policy() -> Response:
        def work(connection: Connection) -> dict[str, object]:
            state: AgentState = agent_state(connection, settings)
            return policy_in_force(settings, state)

        return reply(await read(backend, work))

    @routes.get("/alerts")
    async def found(
        strategy: Name = "",
        severity: Literal["info", "warning", "severe", "urgent"] = "info",
        rule: Name = "",
        alert: Annotated[str, Query(max_length=64)] = "",
        limit: Annotated[int, Query(ge=1)] = 50,
    ) -> Response:
        wanted = Wanted(strategy=strategy, severity=severity, rule=rule, alert_id=alert)
        kept = min(limit, MOST_ALERTS)

        def work(connection: Connection) -> dict[str, object]:
            return alerts(connection, settings, firing.read(connection), wanted, kept)

        return reply(await read(backend, work))


def _whose(strategy: str, subject: str) -> Whose:
    try:
        series_of_subject(strategy, subject)
    except ValueError as error:
        raise ServingError("no_series", f"{subject!r:.120} names no series", "subject") from error
    return Whose(strategy=strategy, subject=subject)


def _cut(days: int) -> dict[str, object]:
    return {"truncated": days > MOST_DAYS, "limit": MOST_DAYS}
