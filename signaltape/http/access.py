"""Who may change something."""

import time
import uuid

from fastapi import Request

from infra.api_settings import ApiSettings
from infra.warehouse.audit import AuditLine
from signaltape.http.failures import Refused
from signaltape.http.limits import Buckets
from signaltape.http.tokens import Tokens, shown_token
from signaltape.http.trail import AuditTrail

_MINUTE_S = 60.0


class TokenCheck:
    """A dependency that lets a request pass if it shows a token that may change; a refusal leaves an audit line.

    The token's name is then in ``request.state.who``. An address that showed too many wrong ones, on any route, has to
    wait, whatever it shows; that leaves none, so that a guesser can't fill the table.
    """

    def __init__(self, options: ApiSettings) -> None:
        self._options, self._tokens = options, Tokens(options)

    # On the event loop, so that nothing comes between looking and taking.
    async def __call__(self, request: Request) -> None:
        """Let the request pass, or raise Refused."""
        if not self._tokens.let_change:
            audit(request, "refused", why="no token is configured")
            raise Refused(
                403, "changing calls need a token, and none is configured: set SIGNALTAPE_API__TOKENS or …__TOKEN"
            )
        require_patience(request, self._options)
        found = self._tokens.find(shown_token(request))
        if found is None:
            wrong_token(request, self._options)
            audit(request, "refused", why="wrong or missing token")
            raise Refused(401, "this call needs the header Authorization: Bearer <token>")
        request.state.who = found.name
        if not found.may_change:
            audit(request, "refused", why="this token may only read")
            raise Refused(403, f"the token of {found.name!r} may read, and change nothing")


def require_patience(request: Request, options: ApiSettings) -> None:
    """Raise Refused for an address that has shown too many wrong tokens, whatever it shows now."""
    wait_s = _wrong_tokens(request, options).wait_s(client_of(request), time.monotonic())
    if wait_s:
        raise Refused(429, "too many wrong tokens came from this address; wait", wait_s)


def wrong_token(request: Request, options: ApiSettings) -> None:
    """Count a wrong token of this address."""
    _wrong_tokens(request, options).take(client_of(request), time.monotonic())


def audit(request: Request, outcome: str, **more: object) -> None:
    """One line for each call that changes something, or would have; never what was shown as token."""
    _trail(request).add(_line(request, outcome, more))


async def audited(request: Request, outcome: str, **more: object) -> None:
    """The same; returns once the line is stored (or can't be, for now). For the line before a change."""
    await _trail(request).stored(_line(request, outcome, more))


def who_of(request: Request) -> str:
    """The name of the token that was shown, "" where none was accepted."""
    return str(getattr(request.state, "who", ""))


def client_of(request: Request) -> str:
    """The address that a request came from."""
    return request.client.host if request.client is not None else "unknown"


def _wrong_tokens(request: Request, options: ApiSettings) -> Buckets:
    """One for the whole application: trying another route gives no more guesses."""
    state = request.app.state
    if not hasattr(state, "wrong_tokens"):
        per_minute = options.wrong_tokens_per_minute
        state.wrong_tokens = Buckets(per_minute / _MINUTE_S, max(1.0, per_minute))
    found: Buckets = state.wrong_tokens
    return found


def _trail(request: Request) -> AuditTrail:
    found: AuditTrail = request.app.state.trail
    return found


def _line(request: Request, outcome: str, more: dict[str, object]) -> AuditLine:
    if not hasattr(request.state, "request_id"):
        request.state.request_id = uuid.uuid4().hex
    return AuditLine(
        request_id=request.state.request_id,
        who=who_of(request),
        client=client_of(request),
        call=f"{request.method} {request.url.path[:200]}",
        outcome=outcome,
        detail=more,
    )
