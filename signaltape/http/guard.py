"""What stands before the application: host, size and time of a request; headers, metrics and faults of a response."""

import asyncio
import ipaddress
import time
from collections.abc import Mapping, MutableMapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra.api_settings import ApiSettings
from infra.telemetry.logs import get_logger
from infra.telemetry.metrics import HTTP_REQUESTS, HTTP_SECONDS
from signaltape.http.failures import Refused, failure, refusal
from signaltape.http.limits import Buckets

#: What a response that says nothing else is: no page, so nothing may be loaded, framed or kept by a browser.
_HEADERS = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
_LONGEST_TARGET = 8_192
_MOST_HEADERS = 32_768
#: Whoever watches the process asks these, and must get an answer whatever else comes from its address.
_UNCOUNTED = frozenset({"/health", "/ready"})
#: What a request is counted as whose caller went away before its body was complete.
_GONE = 499


class _CallerGone(Exception):
    """The connection ended within the body."""


class Guard:
    """ASGI middleware around the whole application.

    The body is read here, bounded in size and time, and handed on as one piece: no handler sees a part of one,
    and none is called for a body that was broken off. ``limits``: seconds for the paths that have a limit of their
    own, None for those whose answers have no end.
    """

    def __init__(self, app: ASGIApp, options: ApiSettings, limits: Mapping[str, float | None] | None = None) -> None:
        self._app, self._options, self._limits = app, options, limits or {}
        self._rates = Buckets(options.rate_per_s, options.burst)
        self._hosts = {"localhost", options.host.lower(), *(name.lower() for name in options.allowed_hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        answer = _Answer(send)
        limit_s: float | None = self._options.request_timeout_s
        try:
            async with asyncio.timeout(limit_s) as limit:
                self._check(scope)
                whole = await self._whole(scope, receive)
                limit_s = self._limits.get(scope["path"], limit_s)
                limit.reschedule(None if limit_s is None else asyncio.get_running_loop().time() + limit_s)
                await self._app(scope, whole, answer.send)
        except _CallerGone:
            answer.status = _GONE
        except Refused as error:
            await refusal(error)(scope, receive, answer.send)
        except TimeoutError:
            late = failure(504, "timeout", f"no answer within {limit_s:g} s; what was asked for may still happen")
            await answer.instead(late, scope, receive)
        except Exception:
            get_logger().exception("request_failed", path=scope["path"][:200])
            await answer.instead(failure(500, "failed", "a fault of this program; see its log"), scope, receive)
        route = getattr(scope.get("route"), "path", "unknown")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        HTTP_REQUESTS.labels(route=route, method=method, status=answer.status).inc()
        HTTP_SECONDS.labels(route=route).observe(time.perf_counter() - begun)

    def _check(self, scope: Scope) -> None:
        wait_s = 0.0
        if scope["path"] not in _UNCOUNTED:
            wait_s = self._rates.take((scope.get("client") or ("unknown",))[0], time.monotonic())
        if wait_s:
            rate = f"{self._options.rate_per_s:g}"
            raise Refused(429, f"more than {rate} requests a second come from this address; wait", wait_s)
        if len(scope["raw_path"]) + len(scope["query_string"]) > _LONGEST_TARGET:
            raise Refused(414, "the request's target is too long")
        if sum(len(name) + len(value) for name, value in scope["headers"]) > _MOST_HEADERS:
            raise Refused(431, "the request's headers are too large")
        name = _host(_header(scope, b"host"))
        if name not in self._hosts and not _is_address(name):
            raise Refused(421, "this host name is not served here; see the setting api.allowed_hosts")

    async def _whole(self, scope: Scope, receive: Receive) -> Receive:
        """Read the body; a ``receive`` that gives it as one piece. Raises Refused, or _CallerGone within the body."""
        limit = self._options.max_body_bytes
        announced = _header(scope, b"content-length")
        if announced.isdigit() and int(announced) > limit:
            raise Refused(413, f"the body is larger than {limit} bytes")
        if not announced and not _header(scope, b"transfer-encoding"):
            return receive
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _CallerGone
            body += message.get("body", b"")
            if len(body) > limit:
                raise Refused(413, f"the body is larger than {limit} bytes")
            if not message.get("more_body", False):
                break
        pieces = [{"type": "http.request", "body": bytes(body), "more_body": False}]

        async def again() -> MutableMapping[str, Any]:
            return pieces.pop() if pieces else await receive()

        return again


class _Answer:
    """The response on its way: with the headers that all have, and its status known."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = list(message.get("headers", ()))
            named = {name.lower() for name, _ in own}
            message["headers"] = own + [one for one in _HEADERS if one[0] not in named]
        await self._send(message)

    async def instead(self, response: ASGIApp, scope: Scope, receive: Receive) -> None:
        """Send another response, where none has begun."""
        if not self.status:
            await response(scope, receive, self.send)


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def _host(value: str) -> str:
    """The name in a Host header, without its port."""
    if value.startswith("["):
        return value.partition("]")[0][1:].lower()
    return value.partition(":")[0].lower()


def _is_address(name: str) -> bool:
    """True for a literal address: a browser can't be led to one under another page's name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
