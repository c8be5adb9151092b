"""A page's session: begun with a token, kept as a cookie that lets this browser read; and why a page gets no events."""

import time
from collections.abc import AsyncIterator
from contextlib import aclosing

from fastapi import APIRouter, Depends, Request, Response

from signaltape.http.access import client_of, require_patience, wrong_token
from signaltape.http.backend import Backend
from signaltape.http.failures import Refused
from signaltape.http.origin import require_own_page
from signaltape.http.reading import anyone, session_of
from signaltape.http.replies import reply
from signaltape.http.sessions import COOKIE, LASTS_S, PATH, issue
from signaltape.http.tokens import Tokens, shown_token

_PLACE = "/console/session"


def router(backend: Backend) -> APIRouter:
    """GET tells how a page stands, POST begins a session, DELETE ends it."""
    routes = APIRouter(dependencies=[Depends(anyone)])
    options, tokens = backend.options, Tokens(backend.options)

    @routes.get(_PLACE)
    async def state(request: Request) -> Response:
        """Whether a token is needed first, and why this address would get no events now ("" if it would)."""
        found = session_of(request, tokens)
        refusal = backend.streams.refusal(client_of(request))
        return reply(
            {
                "needed": options.read_needs_token and found is None,
                "who": found.holder.name if found else "",
                "full": str(refusal) if refusal else "",
            }
        )

    @routes.post(_PLACE)
    async def begin(request: Request) -> Response:
        """Begin a session for the holder of the token that is shown."""
        require_own_page(request)
        require_patience(request, options)
        holder = tokens.find(shown_token(request))
        if holder is None:
            wrong_token(request, options)
            raise Refused(401, "this token is not known")
        answer = reply({"who": holder.name, "may_change": holder.may_change})
        # A browser names the scheme that it sees, which behind a proxy is not the one that we are spoken to with.
        by_tls = request.headers.get("origin", "").startswith("https://")
        answer.set_cookie(
            COOKIE, issue(holder.name, tokens, time.time()), max_age=LASTS_S, path=PATH, secure=by_tls, httponly=True,
            samesite="strict",
        )  # fmt: skip
        return answer

    @routes.delete(_PLACE)
    async def end() -> Response:
        """Take the cookie away."""
        answer = reply({"who": ""})
        answer.delete_cookie(COOKIE, path=PATH, httponly=True, samesite="strict")
        return answer

    return routes


async def until(end_s: float, events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """A stream that ends with its session: within a ping after ``end_s`` (Unix time, s)."""
    async with aclosing(events):  # type: ignore[type-var]  # it is a generator
        async for event in events:
            if time.time() >= end_s:
                return
            yield event
