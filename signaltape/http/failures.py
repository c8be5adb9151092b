"""Failures as responses: one form for all of them, ``{"error": {"code", "message", "fields"}}``."""

from collections.abc import Sequence
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from infra.errors import OperatorError
from infra.online import OnlineUnavailable
from infra.scoring.errors import UnknownModel
from infra.telemetry.logs import get_logger
from infra.warehouse.errors import WarehouseUnavailable
from pipeline.routing.model_port import ModelUnavailable
from signaltape.http.limits import whole_seconds
from signaltape.serving.errors import ServingError

#: How much of a text that a caller sent is repeated to him.
_SHOWN = 200
_STATUS = {"no_live_model": 409, "unknown_model": 404, "unknown_symbol": 404, "overloaded": 503, "refused": 403}
_CODES = {400: "bad_request", 401: "unauthorized", 403: "refused", 404: "not_found", 405: "wrong_method",
          413: "too_large", 415: "wrong_type", 421: "wrong_host", 429: "too_many", 503: "unavailable",
          504: "timeout"}  # fmt: skip


class Refused(Exception):
    """A request is refused with a status; ``wait_s``: when it may be worth asking again.

    ``code``: where the status' own doesn't say enough.
    """

    code = ""

    def __init__(self, status: int, message: str, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.status, self.wait_s = status, wait_s


def failure(status: int, code: str, message: str, fields: Sequence[tuple[str, str]] = (), **more: object) -> Response:
    """A response that says what went wrong, and in which fields; ``more`` stands beside that."""
    named = [{"field": name[:_SHOWN], "message": what[:_SHOWN]} for name, what in fields]
    body = orjson.dumps({"error": {**more, "code": code, "message": message, "fields": named}})
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    if status == 503:
        headers["Retry-After"] = "1"
    return Response(body, status, headers, "application/json")


def refusal(error: Refused) -> Response:
    """The response to a refused request."""
    response = failure(error.status, error.code or _CODES.get(error.status, "failed"), str(error))
    if error.wait_s:
        response.headers["Retry-After"] = str(whole_seconds(error.wait_s))
    return response


def install(app: FastAPI) -> None:
    """Make every failure of the application a response of the one form."""

    @app.exception_handler(ValidationError)
    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError | ValidationError) -> Response:
        fields = [(_field(one["loc"]), str(one["msg"])) for one in error.errors()]
        named = "; ".join(f"{name}: {what}" for name, what in fields[:3])
        return failure(422, "invalid", named[: 3 * _SHOWN], fields)

    @app.exception_handler(ServingError)
    async def unanswered(_: Request, error: ServingError) -> Response:
        fields = [(error.field, str(error))] if error.field else []
        return failure(_STATUS.get(error.code, 422), error.code, str(error), fields)

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> Response:
        return failure(error.status_code, _CODES.get(error.status_code, "failed"), str(error.detail))

    @app.exception_handler(Refused)
    async def refused(_: Request, error: Refused) -> Response:
        return refusal(error)

    @app.exception_handler(UnknownModel)
    async def unknown(_: Request, error: UnknownModel) -> Response:
        return failure(404, "unknown_model", str(error))

    @app.exception_handler(ModelUnavailable)
    async def unavailable(_: Request, error: ModelUnavailable) -> Response:
        return failure(503, "model_unavailable", str(error))

    _install_away(app)


def _install_away(app: FastAPI) -> None:
    """What is away, but not where: that is the operator's, and in the log."""

    @app.exception_handler(OnlineUnavailable)
    @app.exception_handler(WarehouseUnavailable)
    async def away(_: Request, error: OperatorError) -> Response:
        get_logger().warning("unavailable", reason=str(error))
        what = "Redis" if isinstance(error, OnlineUnavailable) else "Postgres"
        return failure(503, "store_unavailable", f"{what} does not answer")

    @app.exception_handler(OperatorError)
    async def operator(_: Request, error: OperatorError) -> Response:
        get_logger().warning("failed", reason=str(error))
        return failure(503, "unavailable", "a service behind this one does not do what it should; see its log")


def _field(loc: Sequence[Any]) -> str:
    """``("body", "batch", 3, "x")`` as ``batch[3].x``."""
    name = ""
    for part in loc[1:] if loc and loc[0] in ("body", "query", "path") else loc:
        name += f"[{part}]" if isinstance(part, int) else f".{part}"
    return name.lstrip(".") or "body"
