"""The HTTP API and ``get_signal``, beside a bare model call, a bare Redis read and a bare HTTP round trip.

One API process on a stack of its own, a LightGBM model of 200 trees, vectors and signals of 500 symbols in Redis.
Latencies are those of one caller at a time over a kept connection; throughput that of eight callers in this process,
which shares the machine's cores with the server.
"""

import http.client
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import redis

from infra.errors import OperatorError
from infra.online import OnlineStore, SignalCache
from infra.scoring.registry import ModelRegistry
from pipeline.engine_types import LatestVectors
from pipeline.features import FEATURE_SETS
from producers.simulation.market import MarketConfig, simulate
from schemas.intervals import MINUTE
from schemas.signals import Signal
from signaltape.client import Control, SignalReader
from signaltape.demo.console import Console
from signaltape.demo.scene import Scene
from signaltape.supervision import Supervisor
from signaltape.training import TrainOptions, train

_CALLERS = 8
_START_S = 60.0
#: So long that eight callers on a few cores are all answered: what is missed would look fast.
_DEADLINE_MS = 60_000.0
_SET = "core"


@dataclass(frozen=True, kw_only=True)
class Size:
    """Symbols in Redis, rows of the large prediction, calls of each kind, of the large kind, and training symbols."""

    symbols: int = 500
    calls: int = 1_000
    large_calls: int = 100
    training_symbols: int = 100
    trees: int = 200


def run(active: Scene, console: Console, size: Size | None = None) -> dict[str, Any]:
    """Return milliseconds and requests a second of each kind of call, with its baseline."""
    size = size or Size()
    with console.step(f"training a model of {size.trees} trees"):
        name, version = _train(active, size, console)
    Control(active.settings).issue("activate", strategy="bench", model=name, model_version=version, reason="benchmark")
    rows = _fill(active, size, f"{name}:{version}")
    port_file = active.folder / "run" / "api-0-http.json"
    environment = {**active.environment, "SIGNALTAPE_API": '{"port": 0, "rate_per_s": 0}'}
    with Supervisor(["api"], active.folder / "logs", environment) as api, console.step("asking the API"):
        _await_ready(api, active)
        port = int(json.loads(port_file.read_text())["port"])
        return {
            "symbols": size.symbols,
            "trees": size.trees,
            **_over_http(port, rows, size),
            **_in_process(active, (name, version), rows, size),
        }


def _await_ready(api: Supervisor, active: Scene) -> None:
    until = time.monotonic() + _START_S
    while api.not_ready(active.folder / "run"):
        if time.monotonic() > until:
            raise OperatorError(f"the API did not become ready in {_START_S:g} s; see {active.folder / 'logs'}")
        time.sleep(0.1)


def _train(active: Scene, size: Size, console: Console) -> tuple[str, int]:
    table = simulate(MarketConfig(symbols=size.training_symbols, seed=11))
    options = TrainOptions(name="bench", family="lightgbm", parameters={"trees": size.trees}, deadline_ms=_DEADLINE_MS)
    made = train(table, options, active.settings.home / "training" / "bench", say=console.say)
    return "bench", ModelRegistry(active.settings).register(made.folder, made.manifest, made.metrics, made.run)


def _fill(active: Scene, size: Size, model: str) -> np.ndarray[Any, Any]:
    """Vectors and signals of a bar that closed just now; returns the vectors' values."""
    names = tuple(f"SYM{number:04d}" for number in range(size.symbols))
    closed = np.full(size.symbols, time.time_ns() // MINUTE * MINUTE)
    values = np.random.default_rng(2).normal(0.0, 0.01, (size.symbols, len(FEATURE_SETS[_SET].names)))
    vectors = LatestVectors(
        symbols=names,
        event_time=closed,
        source_offset=np.zeros(size.symbols, dtype=np.int64),
        values=values,
        valid=np.ones(values.shape, dtype=np.bool_),
        close=np.full(size.symbols, 100.0),
        available_time=closed,
    )
    online, cache = OnlineStore(active.settings), SignalCache(active.settings)
    online.write(_SET, FEATURE_SETS[_SET].version, "1m", vectors)
    cache.write(_signal(name, int(closed[0]), model) for name in names)
    online.close()
    cache.close()
    return values


def _signal(symbol: str, closed: int, model: str) -> Signal:
    name, _, version = model.partition(":")
    return Signal(
        signal_id=f"bench-{symbol}", seq=0, symbol=symbol, signal="long", score=0.001, confidence=0.6,
        timestamp=closed / 1e9, event_time=closed, interval="1m", horizon=60, reference_price=100.0,
        position_scale=1.0, strategy="bench", model=name, model_version=int(version), models=(model,),
        source=(0, 0), expires_at=closed + 60 * MINUTE, reason="live",
    )  # fmt: skip


def _over_http(port: int, values: np.ndarray[Any, Any], size: Size) -> dict[str, Any]:
    names = FEATURE_SETS[_SET].names
    rows = [dict(zip(names, row, strict=True)) for row in values.tolist()]
    one, many = json.dumps({"features": rows[0]}), json.dumps({"batch": rows})
    by_symbol = json.dumps({"symbol": "SYM0007"})
    kinds = {
        "health": ("GET", "/health", None, size.calls),
        "signal_cached": ("GET", "/signals/SYM0007", None, size.calls),
        "predict_one": ("POST", "/predict", one, size.calls),
        "predict_symbol": ("POST", "/predict", by_symbol, size.calls),
        "predict_many": ("POST", "/predict", many, size.large_calls),
    }
    found = {}
    for kind, (method, path, body, calls) in kinds.items():
        alone = _caller(port, method, path, body)
        alone(calls // 10)
        figures = _milliseconds(alone(calls))
        found[kind] = {**figures, "requests_per_second": _together(port, (method, path, body), calls)}
    return found


def _caller(port: int, method: str, path: str, body: str | None) -> Callable[[int], list[float]]:
    """Calls over one kept connection; returns a function of the number of calls that gives their seconds."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Content-Type": "application/json"} if body else {}

    def call(times: int) -> list[float]:
        spans = []
        for _ in range(times):
            begun = time.perf_counter()
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            data = answer.read()
            spans.append(time.perf_counter() - begun)
            if answer.status != 200:
                raise RuntimeError(f"{path} answered {answer.status}: {data[:500]!r}")
        return spans

    return call


def _together(port: int, what: tuple[str, str, str | None], calls: int) -> int:
    """Requests a second of several callers at once."""
    callers = [_caller(port, *what) for _ in range(_CALLERS)]
    each = max(1, calls // _CALLERS)
    threads = [threading.Thread(target=caller, args=(each,)) for caller in callers]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return round(each * _CALLERS / (time.perf_counter() - begun))


def _in_process(active: Scene, model: tuple[str, int], values: np.ndarray[Any, Any], size: Size) -> dict[str, Any]:
    """The same without HTTP: the SDK beside a bare HGET, and the model alone."""
    _, scorer = ModelRegistry(active.settings).load(*model)
    valid = np.ones(values.shape, dtype=np.bool_)
    cache = SignalCache(active.settings)
    bare = redis.Redis.from_url(active.settings.redis.url)
    key = cache.key("1m")
    with SignalReader(settings=active.settings) as reader:
        found = {
            "sdk_cached": _repeat(lambda: reader.get_signal("SYM0007"), size.calls),
            "bare_hget": _repeat(lambda: bare.hget(key, "SYM0007"), size.calls),
            "model_one": _repeat(lambda: scorer.score(values[:1], valid[:1]), size.calls),
            "model_many": _repeat(lambda: scorer.score(values, valid), size.large_calls),
        }
        cache.remove("1m", ["SYM0007"])
        found["sdk_computed"] = _repeat(lambda: reader.get_signal("SYM0007"), size.calls)
    bare.close()
    cache.close()
    return found


def _repeat(call: Callable[[], object], times: int) -> dict[str, float]:
    spans = []
    for number in range(times + times // 10):
        begun = time.perf_counter()
        call()
        if number >= times // 10:
            spans.append(time.perf_counter() - begun)
    return _milliseconds(spans)


def _milliseconds(spans: list[float]) -> dict[str, float]:
    return {
        "p50_ms": round(float(np.percentile(spans, 50)) * 1_000, 3),
        "p99_ms": round(float(np.percentile(spans, 99)) * 1_000, 3),
    }
