"""The page *Data*: what was known when, corrections, quality of incoming bars."""

import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from infra.warehouse.bounded import read_bounded
from infra.warehouse.connection import Connection
from pipeline.features import FEATURE_SETS
from schemas.intervals import is_known
from schemas.names import is_name
from signaltape.console.data.catalogue import Catalogue, Held, search
from signaltape.console.data.incoming import corrected, covered, quality
from signaltape.console.data.look import Asked, look, sets
from signaltape.console.data.moments import moment
from signaltape.console.data.ranges import asked_range, usual_days
from signaltape.console.reading import PATIENCE_S, told
from signaltape.http.backend import Backend
from signaltape.http.replies import reply
from signaltape.serving.errors import ServingError

MOST_FOUND, MOST_CORRECTIONS = 50, 200
#: Days of bars that one look at quality or coverage reads at the most.
MOST_DAYS = 366

Symbol = Annotated[str, Query(max_length=200)]
Short = Annotated[str, Query(max_length=60)]
From = Annotated[str, Query(alias="from", max_length=60)]
To = Annotated[str, Query(alias="to", max_length=60)]


def router(backend: Backend) -> APIRouter:
    """The routes of this page."""
    routes = APIRouter(prefix="/data")
    catalogue = Catalogue(backend.settings)
    _looks(routes, backend, catalogue)
    _incoming(routes, backend, catalogue)
    return routes


def _looks(routes: APIRouter, backend: Backend, catalogue: Catalogue) -> None:
    settings = backend.settings

    @routes.get("/symbols")
    async def symbols(q: Symbol = "", limit: Annotated[int, Query(ge=1)] = 20) -> Response:
        return reply(await told(backend, lambda: search(catalogue.held(), q, min(limit, MOST_FOUND))))

    @routes.get("/sets")
    async def stored_sets() -> Response:
        found = await told(backend, lambda: read_bounded(settings, sets, patience_s=PATIENCE_S))
        named = [{"name": name, "version": version, "features": len(has)} for (name, version), has in found.items()]
        return reply({"sets": sorted(named, key=lambda one: (str(one["name"]), -int(str(one["version"]))))})

    @routes.get("/look")
    async def one_look(
        *,
        symbol: Symbol,
        at: Short = "now",
        interval: Short = "",
        knowledge: Literal["ingested", "available"] = "ingested",
        feature_set: Annotated[str, Query(alias="set", max_length=80)] = "core",
        version: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
        close: Short = "",
    ) -> Response:
        def work() -> dict[str, Any]:
            asked, future = _asked(catalogue.held(), symbol, at, interval, close)
            own = FEATURE_SETS[feature_set].version if feature_set in FEATURE_SETS else 1
            whole = Asked(**asked, knowledge=knowledge, feature_set=feature_set, version=version or own)

            def both(connection: Connection) -> dict[str, Any]:
                return look(connection, settings, whole)

            return {**read_bounded(settings, both, patience_s=PATIENCE_S), "future": future}

        return reply(await told(backend, work))


def _asked(held: Held, symbol: str, at: str, interval: str, close: str) -> tuple[dict[str, Any], bool]:
    """What is looked at; a time that lies ahead is taken as now, and that is said."""
    if not is_name(symbol):
        raise ServingError("unknown_symbol", "this is no name that a symbol can have", "symbol")
    there = held.known(symbol)
    chosen = interval or max(there, key=lambda name: there[name])
    if not is_known(chosen) or chosen not in there:
        raise ServingError("no_interval", f"no bar of {symbol!r:.80} on interval {chosen!r:.20} is stored", "interval")
    now = time.time_ns()
    when = moment(at, now=now, newest=there[chosen])
    place = moment(close, now=now, newest=None, field="close") if close else None
    return (
        {"symbol": symbol, "interval": chosen, "at": min(when, now), "now": now, "close": place},
        when > now,
    )


def _incoming(routes: APIRouter, backend: Backend, catalogue: Catalogue) -> None:
    settings = backend.settings

    @routes.get("/corrections")
    async def corrections(
        symbol: Symbol = "",
        status: Literal["", "open", "done", "failed"] = "",
        before: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
        limit: Annotated[int, Query(ge=1)] = 50,
    ) -> Response:
        kept = min(limit, MOST_CORRECTIONS)

        def work(connection: Connection) -> dict[str, Any]:
            return corrected(connection, symbol=_name(symbol), status=status, before=before, limit=kept)

        return reply(await told(backend, lambda: read_bounded(settings, work, patience_s=PATIENCE_S)))

    @routes.get("/quality")
    async def incoming(symbol: Symbol = "", begin: From = "", end: To = "") -> Response:
        def work() -> dict[str, Any]:
            held, name = catalogue.held(), _name(symbol)
            if name is not None:
                held.known(name)
            days = usual_days(held, None, name, 5)
            span = asked_range(
                held, begin, end, interval=None, symbol=name, now=time.time_ns(), days=days, most_days=MOST_DAYS
            )
            return read_bounded(settings, lambda one: quality(one, name, span), patience_s=PATIENCE_S)

        return reply(await told(backend, work))

    @routes.get("/coverage")
    async def coverage(interval: Short = "", q: Symbol = "", begin: From = "", end: To = "") -> Response:
        def work() -> dict[str, Any]:
            held = catalogue.held()
            there = held.intervals()
            chosen = interval or (there[-1] if there else "1m")
            if there and chosen not in there:
                raise ServingError("no_interval", f"no bar on interval {chosen!r:.20} is stored", "interval")
            names = [name for name, has in held.symbols.items() if chosen in has and q.casefold() in name.casefold()]
            days = usual_days(held, chosen, None, 20)
            span = asked_range(
                held, begin, end, interval=chosen, symbol=None, now=time.time_ns(), days=days, most_days=MOST_DAYS
            )
            return read_bounded(
                settings, lambda one: covered(one, chosen, names, len(names), span), patience_s=PATIENCE_S
            )

        return reply(await told(backend, work))


def _name(symbol: str) -> str | None:
    """None for all. Raises ServingError for what can't be a name."""
    if symbol and not is_name(symbol):
        raise ServingError("unknown_symbol", "this is no name that a symbol can have", "symbol")
    return symbol or None
