"""Who may read, where the setting ``api.read_needs_token`` asks for a token."""

import time
from typing import Any

from fastapi import Request

from infra.api_settings import ApiSettings
from signaltape.http.access import TokenCheck, require_patience, wrong_token
from signaltape.http.failures import Refused
from signaltape.http.sessions import COOKIE, Session, checked
from signaltape.http.tokens import Tokens, shown_token


async def anyone() -> None:
    """A dependency that marks a route as open to all. What watches a process has no token and must get an answer; a
    page must be there before it can ask for one, and holds no data."""


class ReadCheck:
    """A dependency of the whole application, so that a route that nobody thought of is closed, not open."""

    def __init__(self, options: ApiSettings) -> None:
        self._options, self._tokens = options, Tokens(options)

    # On the event loop, so that nothing comes between looking and taking.
    async def __call__(self, request: Request) -> None:
        """Let the request pass, or raise Refused; no audit line is left, which a reader could fill the table with."""
        if not self._options.read_needs_token or not _closed(request.scope["route"]):
            return
        if session_of(request, self._tokens) is not None:
            return
        require_patience(request, self._options)
        shown = shown_token(request)
        if not shown:  # no guess: a page whose session has ended must be able to begin another one
            raise Refused(401, "reading needs the header Authorization: Bearer <token>, or a session of the console")
        if self._tokens.find(shown) is None:
            wrong_token(request, self._options)
            raise Refused(401, "this token is not known")


def session_of(request: Request, tokens: Tokens) -> Session | None:
    """The session of the console that the request comes with."""
    return checked(request.cookies.get(COOKIE, ""), tokens, time.time())


def _closed(route: Any) -> bool:
    """False for what is open, and for what asks for a token itself, and leaves an audit line where it refuses."""
    return not any(one.call is anyone or isinstance(one.call, TokenCheck) for one in route.dependant.dependencies)
