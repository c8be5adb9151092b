"""The page *Signals*: the tape, the newest of each symbol, and one signal explained."""

import asyncio
import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from infra.errors import OperatorError
from infra.warehouse.bounded import read_bounded
from infra.warehouse.connection import Connection
from infra.warehouse.console_signals import TapeFilter, held_back, stored_tape
from infra.warehouse.newest_signals import newest_signals
from schemas.intervals import is_known
from schemas.names import is_name
from schemas.signals import Signal
from signaltape.console.data.moments import moment
from signaltape.console.reading import PATIENCE_S, read, told
from signaltape.console.signals.around import around
from signaltape.console.signals.channel import TapeChannel
from signaltape.console.signals.rows import COLUMNS, notice_row, signal_row
from signaltape.console.signals.tape import KEPT, SignalTape
from signaltape.explanation.document import document
from signaltape.explanation.errors import QuestionError
from signaltape.explanation.explain import Explanation, explain_bar, explain_signal
from signaltape.http.backend import Backend
from signaltape.http.replies import reply
from signaltape.serving.errors import ServingError

MOST_ROWS, MOST_HELD, MOST_SYMBOLS = 2_000, 500, 20_000
_TAPE_EVERY_S = 0.25
#: Explanations compute a bar again, which takes a core for up to a second: two at a time.
_EXPLAINED_AT_ONCE = 2
#: A tape whose tail isn't read by then is shown out of the store alone.
_TAIL_WAIT_S = 2.0

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
        )
        return reply(await told(backend, lambda: _tape(backend, tape, wanted, min(limit, MOST_ROWS))))

    @routes.get("/symbols")
    async def by_symbol() -> Response:
        return reply(await told(backend, lambda: _by_symbol(backend, tape)))

    @routes.get("/held")
    async def held(
        symbol: Symbol, interval: Annotated[str, Query(max_length=8)] = "", limit: Annotated[int, Query(ge=1)] = 200
    ) -> Response:
        name, chosen, most = _name(symbol), _interval(interval), min(limit, MOST_HELD)
        rows = await read(backend, lambda connection: held_back(connection, name, chosen, most))
        return reply({"rows": rows, "limit": most, "truncated": len(rows) == most})


def _tape(backend: Backend, tape: SignalTape, wanted: TapeFilter, limit: int) -> dict[str, Any]:
    """What is stored and what has come, each once, the newest first; either alone where the other is away."""
    tape.touch(_TAIL_WAIT_S)
    piece = tape.after("", 0, KEPT)
    come = [(n, one) for n, one in enumerate(piece.items, piece.first)]
    fault = ""
    try:
        stored = read_bounded(backend.settings, lambda one: stored_tape(one, wanted, limit), patience_s=PATIENCE_S)
    except OperatorError as error:
        if not come:
            raise
        stored, fault = [], f"the store can't be read, so only what came lately is shown: {error}"
    numbered = {one.signal_id: (n, one) for n, one in come if isinstance(one, Signal) and wanted.passes(one)}
    both = {**{one.signal_id: (0, one) for one in stored}, **numbered}
    rows = sorted(both.values(), key=lambda pair: (pair[1].event_time, pair[0], pair[1].seq), reverse=True)[:limit]
    return {
        "epoch": piece.epoch,
        "to": piece.last,
        "columns": COLUMNS,
        "rows": [signal_row(n, one) for n, one in rows],
        "notices": [notice_row(n, one) for n, one in reversed(come) if not isinstance(one, Signal)][:200],
        "limit": limit,
        "truncated": len(rows) == limit,
        "faults": [text for text in (tape.fault, fault) if text],
        "now": time.time_ns(),
    }


def _by_symbol(backend: Backend, tape: SignalTape) -> dict[str, Any]:
    tape.touch(_TAIL_WAIT_S)
    piece = tape.after("", 0, KEPT)
    stored = read_bounded(backend.settings, newest_signals, patience_s=PATIENCE_S)
    newest = {(one.symbol, one.interval): (0, one) for one in stored}
    for n, one in enumerate(piece.items, piece.first):
        if isinstance(one, Signal):
            known = newest.get((one.symbol, one.interval))
            if known is None or (known[1].event_time, known[1].seq) <= (one.event_time, one.seq):
                newest[one.symbol, one.interval] = (n, one)
    rows = sorted(newest.values(), key=lambda pair: (pair[1].symbol, pair[1].interval))
    return {
        "epoch": piece.epoch,
        "to": piece.last,
        "columns": COLUMNS,
        "rows": [signal_row(n, one) for n, one in rows[:MOST_SYMBOLS]],
        "limit": MOST_SYMBOLS,
        "truncated": len(rows) > MOST_SYMBOLS,
        "faults": [tape.fault] if tape.fault else [],
        "now": time.time_ns(),
    }


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
