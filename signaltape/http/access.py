"""Who may change something."""

import hashlib
import hmac
import time
import uuid
from collections.abc import Awaitable, Callable

from fastapi import Request

from infra.api_settings import ApiSettings
from infra.warehouse.audit import AuditLine
from signaltape.http.failures import Refused
from signaltape.http.limits import Buckets
from signaltape.http.trail import AuditTrail

_MINUTE_S = 60.0


def token_check(options: ApiSettings) -> Callable[[Request], Awaitable[None]]:
    """A dependency that lets a request pass if it shows a token; a refusal leaves an audit line.

    The token's name is then in ``request.state.who``. An address that showed too many wrong ones, on any route, has to
    wait, whatever it shows; that leaves none, so that a guesser can't fill the table.
    """
    # Digests have one length, so that the comparison's time tells nothing of the token's.
    wanted = {name: _digest(token) for name, token in options.named_tokens.items()}

    # On the event loop, so that nothing comes between looking and taking.
    async def check(request: Request) -> None:
        if not wanted:
            audit(request, "refused", why="no token is configured")
            raise Refused(
                403, "changing calls need a token, and none is configured: set SIGNALTAPE_API__TOKENS or …__TOKEN"
            )
        wrong = _wrong_tokens(request, options)
        wait_s = wrong.wait_s(client_of(request), time.monotonic())
        if wait_s:
            raise Refused(429, "too many wrong tokens came from this address; wait", wait_s)
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        given = _digest(shown.strip())
        # All of them are compared, so that the time doesn't tell which one was right.
        found = [name for name, one in wanted.items() if hmac.compare_digest(given, one)]
        if scheme.lower() != "bearer" or not found:
            wrong.take(client_of(request), time.monotonic())
            audit(request, "refused", why="wrong or missing token")
            raise Refused(401, "this call needs the header Authorization: Bearer <token>")
        request.state.who = found[0]

    return check


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


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("latin-1", "replace")).digest()
