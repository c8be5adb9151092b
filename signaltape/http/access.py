"""Who may change something."""

import hashlib
import hmac
from collections.abc import Callable

from fastapi import Request

from infra.telemetry.logs import get_logger
from signaltape.http.failures import Refused


def token_check(token: str) -> Callable[[Request], None]:
    """A dependency that lets a request pass if it shows the token; every refusal leaves an audit line."""
    wanted = hashlib.sha256(token.encode()).digest()

    def check(request: Request) -> None:
        if not token:
            audit(request, "refused", why="no token is configured")
            raise Refused(403, "changing calls need a token, and none is configured: set SIGNALTAPE_API__TOKEN")
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        # Digests have one length, so that the comparison's time tells nothing of the token's.
        given = hashlib.sha256(shown.strip().encode("latin-1", "replace")).digest()
        if scheme.lower() != "bearer" or not hmac.compare_digest(given, wanted):
            audit(request, "refused", why="wrong or missing token")
            raise Refused(401, "this call needs the header Authorization: Bearer <token>")

    return check


def audit(request: Request, outcome: str, **more: object) -> None:
    """One log line for each call that changes something, or would have; never what was shown as token."""
    client = request.client.host if request.client is not None else "unknown"
    get_logger().info(
        "audit", call=f"{request.method} {request.url.path[:200]}", client=client, outcome=outcome, **more
    )
