"""POST /predict, its alias /v1/predict, and MLflow's /invocations."""

import time
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Body, Request, Response
from pydantic import TypeAdapter, ValidationError

from producers.bar_table import BarTable
from schemas.predictions import STATUSES
from signaltape.http.backend import Backend
from signaltape.http.bodies import Bar, FeatureRow, PredictRequest, invocation_rows
from signaltape.http.failures import Refused
from signaltape.http.replies import reply
from signaltape.serving.choosing import Wanted
from signaltape.serving.errors import ServingError
from signaltape.serving.feature_rows import FeatureValues
from signaltape.serving.prediction import Prediction
from signaltape.serving.warm_up import newest_vector

_ROWS: TypeAdapter[list[FeatureRow]] = TypeAdapter(list[FeatureRow])
#: What an unnamed symbol's bars are reported under.
_UNNAMED = "bars"
_BODY = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": PredictRequest.model_json_schema()}}}
}


def router(backend: Backend) -> APIRouter:
    """The routes; model calls run beside the event loop."""
    routes = APIRouter(tags=["predictions"])

    @routes.post("/predict", response_model=Prediction | dict[str, list[Prediction]], openapi_extra=_BODY)
    @routes.post("/v1/predict", include_in_schema=False)
    async def predict(request: Request) -> Response:
        """One question, one answer; a ``batch`` or ``symbols`` are answered as ``{"predictions": […]}``."""
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Refused(415, "the body must be JSON, with the header Content-Type: application/json")
        # Read beside the event loop too: hundreds of rows take milliseconds to parse.
        return await backend.pool.run(_answered, backend, await request.body())

    @routes.post("/invocations")
    async def invocations(body: Annotated[Any, Body()]) -> Response:
        """MLflow's scoring protocol: ``dataframe_split``, ``dataframe_records``, ``inputs`` or ``instances``.

        Answers scores alone, so a model that gives none is a failure (503).
        """
        found = await backend.pool.run(_invoked, backend, body)
        missed = next((one for one in found if one.status != STATUSES[0]), None)
        if missed is not None:
            raise ServingError("overloaded", missed.reason)
        return reply({"predictions": [one.prediction for one in found]})

    return routes


def _answered(backend: Backend, body: bytes) -> Response:
    request = PredictRequest.model_validate_json(body)
    found = _answer(backend, request)
    return reply(found[0] if request.batch is None and request.symbols is None else {"predictions": found})


def _answer(backend: Backend, request: PredictRequest) -> list[Prediction]:
    wanted = Wanted(interval=request.interval, model=request.ref, strategy=request.strategy)
    predictions, limit = backend.predictions, backend.options.max_rows
    if request.bars is not None:
        return [_of_bars(backend, request, request.bars, wanted)]
    if request.symbol is not None or request.symbols is not None:
        symbols = request.symbols or [str(request.symbol)]
        _limit(len(symbols), limit, "symbols")
        return predictions.of_symbols(symbols, wanted)
    rows = request.batch if request.batch is not None else [request.features or {}]
    _limit(len(rows), limit, "batch")
    return predictions.of_features(rows, wanted)


def _of_bars(backend: Backend, request: PredictRequest, bars: list[Bar], wanted: Wanted) -> Prediction:
    _limit(len(bars), backend.options.max_bars, "bars")
    chosen = backend.predictions.chosen(wanted, request.symbol or "")
    vector = newest_vector(_table(bars, request.symbol or _UNNAMED, request.interval), chosen.terms)
    return backend.predictions.of_vector(vector, chosen)


def _table(bars: list[Bar], symbol: str, interval: str) -> BarTable:
    prices = np.array([(bar.open, bar.high, bar.low, bar.close) for bar in bars])
    return BarTable(
        interval=interval,
        symbol=np.array([symbol] * len(bars), dtype=np.str_),
        event_time=np.array([bar.event_time for bar in bars], dtype=np.int64),
        open=prices[:, 0].copy(),
        high=prices[:, 1].copy(),
        low=prices[:, 2].copy(),
        close=prices[:, 3].copy(),
        volume=np.array([bar.volume or 0.0 for bar in bars]),
        volume_valid=np.array([bar.volume is not None for bar in bars], dtype=np.bool_),
        line=np.arange(len(bars)),
    )


def _invoked(backend: Backend, body: Any) -> list[Prediction]:
    try:
        rows = invocation_rows(body)
    except (ValueError, TypeError) as error:
        raise ServingError("invalid", str(error), "body") from error
    _limit(len(rows), backend.options.max_rows, "body")
    if not rows:
        raise ServingError("invalid", "there are no rows", "body")
    live = [(s, ref) for s in backend.view.in_force(0, time.time_ns()).strategies for ref in s.serving]
    if not live:
        raise ServingError("no_live_model", "no model is live")
    strategy, ref = live[0]
    wanted = Wanted(interval=backend.models.terms(ref).intervals[0], strategy=strategy.name)
    names = backend.models.manifest(backend.predictions.chosen(wanted).ref).features
    return backend.predictions.of_features(_named(rows, names), wanted)


def _named(rows: list[Any], names: tuple[str, ...]) -> list[FeatureValues]:
    """Rows by name; those given in order are in the order of the model's inputs."""
    named = []
    for number, row in enumerate(rows):
        if isinstance(row, list) and len(row) != len(names):
            raise ServingError("invalid", f"has {len(row)} values, the model has {len(names)} inputs", f"row {number}")
        named.append(dict(zip(names, row, strict=True)) if isinstance(row, list) else row)
    try:
        return list(_ROWS.validate_python(named))
    except ValidationError as error:
        first = error.errors()[0]
        raise ServingError("invalid", str(first["msg"]), ".".join(map(str, first["loc"]))) from error


def _limit(count: int, most: int, field: str) -> None:
    if count > most:
        raise ServingError("too_many", f"{count} are asked for, {most} at the most", field)
