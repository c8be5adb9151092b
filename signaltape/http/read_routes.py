"""GET: signals, models, health, metrics, version."""

import platform
import time
from collections.abc import Mapping
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder

from infra.build import build_version
from infra.scoring.numerics import host_fingerprint
from infra.telemetry.metrics import SIGNAL_READS
from pipeline.deployments import Deployments
from pipeline.features import FEATURE_SETS
from signaltape import __version__
from signaltape.http.backend import Backend
from signaltape.http.reading import anyone
from signaltape.http.replies import latest_body, reply, signal_body

_UNKNOWN = ("no_features",)


def router(backend: Backend) -> APIRouter:
    """The routes that change nothing."""
    routes = APIRouter()
    _signals(routes, backend)
    _models(routes, backend)
    _operation(routes, backend)
    return routes


def _signals(routes: APIRouter, backend: Backend) -> None:
    @routes.get("/signals/latest", tags=["signals"])
    async def latest(
        limit: Annotated[int, Query(ge=1, le=10_000)] = 100, interval: Annotated[str | None, Query(max_length=8)] = None
    ) -> Response:
        """The newest signals that were sent, one a symbol and interval, newest first."""
        found = await backend.pool.run(backend.reader.latest, limit, interval)
        return reply(latest_body(found))

    @routes.get("/signals/{symbol:path}", tags=["signals"])
    async def signal(symbol: str, interval: Annotated[str, Query(max_length=8)] = "1m") -> Response:
        """The signal of one symbol now: cached, computed or fallback. 404 where nothing is known of the symbol."""
        answer = await backend.pool.run(backend.reader.get_signal, symbol, interval=interval)
        SIGNAL_READS.labels(source=answer.source, code=answer.code).inc()
        status = 404 if answer.code in _UNKNOWN else 503 if answer.code == "store_unavailable" else 200
        return reply(signal_body(answer), status)


def _models(routes: APIRouter, backend: Backend) -> None:
    @routes.get("/models", tags=["models"])
    async def models() -> Response:
        """Every registered version."""
        rows = await backend.pool.run(backend.registry.rows)
        shown = ("family", "strategy_type", "description", "feature_set", "set_version", "set_hash", "features",
                 "intervals", "horizon", "thresholds", "fallback", "deadline_ms", "sha256")  # fmt: skip
        found = [
            {
                "model": f"{row.name}:{row.version}",
                "name": row.name,
                "version": row.version,
                "created_at": row.created_at.isoformat(),
                **{name: row.manifest.get(name) for name in shown},
            }
            for row in rows
        ]
        return reply({"models": found})

    @routes.get("/models/live", tags=["models"])
    async def live() -> Response:
        """What is in force now, per partition where partitions differ (as while a swap is on its way)."""
        return reply(
            {"in_force": _grouped(backend.view.everywhere(time.time_ns())), "follows": not backend.view.failure}
        )


def _operation(routes: APIRouter, backend: Backend) -> None:
    @routes.get("/health", tags=["operation"], dependencies=[Depends(anyone)])
    async def health() -> Response:
        """Alive; never looks at a dependency."""
        return reply({"status": "alive"})

    @routes.get("/ready", tags=["operation"], dependencies=[Depends(anyone)])
    async def ready() -> Response:
        """Can serve; 503 and the detail per dependency where it can't."""
        ok, detail = backend.health.report()
        return reply({"status": "ready" if ok else "not ready", **detail}, 200 if ok else 503)

    @routes.get("/metrics", tags=["operation"], dependencies=[Depends(anyone)])
    async def metrics(request: Request) -> Response:
        """Prometheus."""
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(REGISTRY), headers={"Content-Type": content_type})

    build = {
        "version": __version__,
        "build": build_version(),
        "python": platform.python_version(),
        "numerics": host_fingerprint(),
        "feature_sets": {name: {"version": one.version, "hash": one.hash} for name, one in FEATURE_SETS.items()},
    }

    @routes.get("/version", tags=["operation"])
    async def version() -> Response:
        """Which build this is, and which arithmetic it runs on."""
        return reply(build)


def _grouped(found: Mapping[int, Deployments]) -> list[dict[str, Any]]:
    """Deployments as plain values, those of partitions that agree once."""
    groups: dict[bytes, dict[str, Any]] = {}
    for partition, deployments in sorted(found.items()):
        body = _plain(deployments)
        key = orjson.dumps(body)
        groups.setdefault(key, {"partitions": [], **body})["partitions"].append(partition)
    return list(groups.values())


def _plain(deployments: Deployments) -> dict[str, Any]:
    return {
        "strategies": [
            {
                "strategy": one.name,
                "live": None if one.live is None else str(one.live),
                "shadows": list(map(str, one.shadows)),
                "arm": None if one.experiment is None else str(one.experiment.arm),
                "experiment": None if one.experiment is None else one.experiment.name,
                "parameters": dict(one.parameters),
            }
            for one in deployments.strategies
        ],
        "router_parameters": dict(deployments.router_parameters),
        "pauses": [{"strategy": one.strategy, "symbols": sorted(one.symbols)} for one in deployments.pauses],
        "scales": [
            {"strategy": one.strategy, "symbols": sorted(one.symbols), "scale": scale}
            for one, scale in deployments.scales
        ],
    }
