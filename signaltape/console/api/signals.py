"""The page *Signals*: the tape, the newest of each symbol, and one signal explained."""

import asyncio
import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from infra.warehouse.connection import Connection
from infra.warehouse.console_signals import TapeFilter, held_back
from schemas.intervals import is_known
from schemas.names import is_name
from signaltape.console.data.moments import moment
from signaltape.console.reading import read, told
from signaltape.console.signals.around import around
from signaltape.console.signals.channel import TapeChannel
from signaltape.console.signals.listing import newest_of_each, place_named, tape_page
from signaltape.console.signals.tape import SignalTape
from signaltape.explanation.document import document
from signaltape.explanation.errors import QuestionError
from signaltape.explanation.explain import Explanation, explain_bar, explain_signal
from signaltape.http.backend import Backend
from signaltape.http.replies import reply
from signaltape.serving.errors import ServingError

MOST_ROWS, MOST_HELD = 2_000, 500
_TAPE_EVERY_S = 0.25
#: Explanations compute a bar again, which takes a core for up to a second: two at a time.
_EXPLAINED_AT_ONCE = 2

Symbol = Annotated[str, Query(max_length=200)]
Short = Annotated[str, Query(max_length=130)]


def router(backend: Backend) -> APIRouter:
    """The routes of this page, and the channel ``signals``."""
    routes = APIRouter(prefix="/signals")
    tape = SignalTape(backend.settings, lambda: backend.view.failure)
    backend.endings.append(tape.close)
    backend.streams.add("signals", TapeChannel(tape).make, _TAPE_EVERY_S, keeps=False)
    _live(routes, backend, tape)
    _single(routes, backend)
    return routes


def _live(routes: APIRouter, backend: Backend, tape: SignalTape) -> None:
    @routes.get("/tape")
    async def newest(
        *,
        symbol: Symbol = "",
        strategy: Short = "",
        model: Short = "",
        direction: Literal["", "long", "short", "flat"] = "",
        interval: Annotated[str, Query(max_length=8)] = "",
        confidence: Annotated[float | None, Query(ge=0, le=1)] = None,
        before: Annotated[int | None, Query(ge=0, lt=2**62)] = None,
        older: Annotated[str, Query(max_length=120)] = "",
        limit: Annotated[int, Query(ge=1)] = 500,
    ) -> Response:
        starred = symbol.endswith("*")
        wanted = TapeFilter(
            symbol=_name(symbol) if symbol and not starred else None,
            prefix=symbol[:-1] if starred and len(symbol) > 1 else None,
            strategy=strategy or None,
            model=model or None,
            direction=direction or None,
            interval=_interval(interval),
            confidence=confidence,
            before=before,
            behind=place_named(older) if older else None,
        )
        return reply(await told(backend, lambda: tape_page(backend.settings, tape, wanted, min(limit, MOST_ROWS))))

    @routes.get("/symbols")
    async def by_symbol() -> Response:
        return reply(await told(backend, lambda: newest_of_each(backend.settings, tape)))

    @routes.get("/held")
    async def held(
        symbol: Symbol, interval: Annotated[str, Query(max_length=8)] = "", limit: Annotated[int, Query(ge=1)] = 200
    ) -> Response:
        name, chosen, most = _name(symbol), _interval(interval), min(limit, MOST_HELD)
        rows = await read(backend, lambda connection: held_back(connection, name, chosen, most))
        return reply({"rows": rows, "limit": most, "truncated": len(rows) == most})


def _single(routes: APIRouter, backend: Backend) -> None:
    one_of_two = asyncio.Semaphore(_EXPLAINED_AT_ONCE)

    async def explained(ask: Any) -> Response:
        def work() -> dict[str, Any]:
            made: Explanation = ask()
            signal = made.gathered.moment.signal
            found = document(made)
            return {
                **found,
                "signal": None if found["signal"] is None else found["signal"] | {"expired": _expired(signal)},
                # Exactly, because a page's numbers keep only sixteen digits.
                "event_time_text": str(found["event_time"]),
            }

        async with one_of_two:
            return reply(await told(backend, work))

    @routes.get("/explain/{ident}")
    async def by_id(ident: str) -> Response:
        return await explained(lambda: explain_signal(backend.settings, ident))

    @routes.get("/explain")
    async def by_bar(symbol: Symbol, at: Short, interval: Annotated[str, Query(max_length=8)] = "") -> Response:
        name, when = _name(symbol), moment(at, now=time.time_ns(), newest=None)

        def ask() -> Explanation:
            try:
                return explain_bar(backend.settings, name, when, _interval(interval))
            except QuestionError as error:
                raise ServingError("which", str(error).replace("--interval", "an interval"), "interval") from error

        return await explained(ask)

    @routes.get("/around")
    async def price(
        symbol: Symbol,
        interval: Annotated[str, Query(max_length=8)],
        at: Short,
        horizon: Annotated[int, Query(ge=0, le=100_000)] = 0,
    ) -> Response:
        name, chosen, when = _name(symbol), _interval(interval) or "1m", moment(at, now=time.time_ns(), newest=None)

        def work(connection: Connection) -> dict[str, Any]:
            return around(connection, name, chosen, when, horizon)

        return reply(await read(backend, work))


def _expired(signal: Any) -> bool:
    return signal is not None and signal.signal.expires_at <= time.time_ns()


def _name(symbol: str) -> str:
    if not is_name(symbol):
        raise ServingError("unknown_symbol", "this is no name that a symbol can have", "symbol")
    return symbol


def _interval(interval: str) -> str | None:
    if interval and not is_known(interval):
        raise ServingError("no_interval", f"{interval!r:.20} is no interval", "interval")
    return interval or None
