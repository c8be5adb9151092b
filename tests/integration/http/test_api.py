"""The HTTP API on a running pipeline: a real server, a real model, every endpoint and every refusal."""

import json
import math
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from infra.online import OnlineStore, SignalCache
from infra.warehouse import connect
from infra.warehouse.audit import newest_lines
from producers.bar_files import write_bars
from signaltape.client import SignalReader
from tests.integration.http.conftest import TOKEN
from tests.support.api import Api, running_api
from tests.support.providers import TestStack
from tests.support.services import ServiceProcess
from tests.support.serving_world import STRATEGY, WEIGHTS, ServingWorld
from tests.support.waiting import wait_for

EXAMPLE = Path(__file__).parents[3] / "examples" / "in_process.py"
LIMITS = {"port": 0, "max_body_bytes": 20_000, "max_rows": 10, "max_bars": 100, "request_timeout_s": 6}


@pytest.fixture(scope="module")
def api(world: ServingWorld) -> Iterator[Api]:
    with running_api(world.settings, token=TOKEN) as client:
        yield client


@pytest.fixture(scope="module")
def narrow(world: ServingWorld) -> Iterator[Api]:
    """Another instance: small limits, no token, and a deadline that every model misses."""
    groups = {"SIGNALTAPE_API": json.dumps(LIMITS), "SIGNALTAPE_INFERENCE": '{"deadline_ms": 1e-6}'}
    with running_api(world.settings, 1, **groups) as client:
        yield client


def score_of(row: dict[str, float]) -> float:
    """The model's formula, in its own precision."""
    terms = [np.float32(weight) * np.float32(row[name]) for name, weight in WEIGHTS.items()]
    return float(np.float32(sum(terms, np.float32(0))))


def confidence_of(score: float) -> float:
    return 1 / (1 + math.exp(-100 * abs(score)))


def error_of(answer: httpx.Response) -> dict[str, Any]:
    found: dict[str, Any] = answer.json()["error"]
    assert set(found) == {"code", "message", "fields"}
    return found


ROW = {"logret_1": 0.01, "volume_z_20": -0.5}


def test_alive_ready_version_and_metrics(api: Api, world: ServingWorld) -> None:
    assert api.get("/health").json() == {"status": "alive"}
    ready = api.get("/ready")
    assert ready.status_code == 200
    checks = ready.json()["checks"]
    assert {"kafka", "postgres", "redis", "models", "started"} <= set(checks)
    assert checks["models"]["detail"] == str(world.ref)
    version = api.get("/version").json()
    assert version["feature_sets"]["core"]["version"] == 1
    text = api.get("/metrics").text
    assert 'signaltape_http_requests_total{method="GET",route="/ready",status="200"}' in text
    assert "model_prediction_latency_seconds" in text


def test_models_and_what_is_live(api: Api, world: ServingWorld) -> None:
    (model,) = api.get("/models").json()["models"]
    assert (model["model"], model["features"]) == (str(world.ref), list(WEIGHTS))
    answer = api.get("/models/live").json()
    (group,) = answer["in_force"]
    assert answer["follows"]
    assert group["partitions"] == list(range(world.settings.topics.partitions))
    assert [(one["strategy"], one["live"]) for one in group["strategies"]] == [(STRATEGY, str(world.ref))]


def test_signals_cached_and_computed(api: Api, world: ServingWorld, cache: SignalCache) -> None:
    signals = cache.read("1m")
    latest = api.get("/signals/latest", params={"limit": 3}).json()["signals"]
    assert len(latest) == 3
    assert latest[0]["event_time"] == max(one.event_time for one in signals.values())
    symbol, sent = next((symbol, one) for symbol, one in signals.items() if one.event_time == world.last)
    body = api.get(f"/signals/{symbol}").json()
    assert (body["source"], body["signal_id"], body["signal"]) == ("cached", sent.signal_id, sent.signal)
    assert (body["score"], body["confidence"], body["seq"]) == (sent.score, sent.confidence, sent.seq)
    cache.remove("1m", [symbol])
    again = api.get(f"/signals/{symbol}", params={"interval": "1m"}).json()
    assert (again["source"], again["signal_id"], again["score"]) == ("computed", sent.signal_id, sent.score)
    assert again["suggested_position"] == body["suggested_position"]
    cache.write([sent])
    assert 'signaltape_signal_reads_total{code="",source="computed"} 1.0' in api.get("/metrics").text


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("NOBODY", 404, "no_features"),
        ("EUR/USD", 404, "no_features"),
        ("EUR%2FUSD", 404, "no_features"),
        ("..%2F..%2Fetc%2Fpasswd", 404, "no_features"),
        ("a%0D%0ASET%20x%20y", 404, "not_found"),
        ("%F0%9F%A6%86", 404, "no_features"),
        ("%FF%FE", 404, "no_features"),
        ("*", 404, "no_features"),
        ("%00", 422, "invalid_symbol"),
        ("x" * 129, 422, "invalid_symbol"),
        ("A?interval=7m", 422, "unknown_interval"),
        ("A?interval=" + "m" * 99, 422, "invalid"),
        ("A?interval=1h", 200, "no_live_model"),
    ],
)
def test_symbols_of_all_kinds(api: Api, path: str, status: int, code: str) -> None:
    answer = api.get(f"/signals/{path}")
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body.get("error", body)["code"] == code


def test_predict_from_features(api: Api, world: ServingWorld) -> None:
    body = api.post("/predict", json={"features": ROW}).json()
    assert body["prediction"] == pytest.approx(score_of(ROW), rel=1e-6)
    assert body["confidence"] == pytest.approx(confidence_of(score_of(ROW)), rel=1e-5)
    assert (body["direction"], body["status"], body["model"], body["horizon"]) == ("short", "ok", str(world.ref), 240)
    assert body["suggested_position"] == pytest.approx(1 - 2 * body["confidence"])
    assert (body["symbol"], body["age_s"]) == (None, None)
    rows = [{"logret_1": n / 1000, "volume_z_20": None if n % 3 else -n / 10} for n in range(600)]
    found = api.post("/v1/predict", json={"batch": rows, "strategy": STRATEGY}).json()["predictions"]
    for row, one in zip(rows, found, strict=True):
        assert one["prediction"] == pytest.approx(score_of({k: v or 0.0 for k, v in row.items()}), rel=1e-5, abs=1e-9)
    alone = api.post("/predict", json={"features": rows[17]}).json()
    assert alone["prediction"] == found[17]["prediction"], "the same bits alone and among others"


def test_predict_by_symbol_and_by_bars_are_what_the_pipeline_said(
    api: Api, world: ServingWorld, cache: SignalCache
) -> None:
    signals = cache.read("1m")
    symbols = list(signals)
    found = api.post("/predict", json={"symbols": [*symbols, "NOBODY"]}).json()["predictions"]
    assert [one["symbol"] for one in found] == [*symbols, "NOBODY"]
    assert (found[-1]["prediction"], found[-1]["code"], found[-1]["status"]) == (None, "no_features", "skipped")
    for one in found[:-1]:
        sent = signals[one["symbol"]]
        if sent.event_time == world.last:
            assert (one["prediction"], one["confidence"], one["direction"]) == (
                sent.score, sent.confidence, sent.signal,
            )  # fmt: skip
    table = world.table.take(world.table.symbol == symbols[0]).in_time_order()
    bars = [
        {"event_time": int(t), "open": o, "high": h, "low": low, "close": c, "volume": v}
        for t, o, h, low, c, v in zip(
            table.event_time, table.open, table.high, table.low, table.close, table.volume, strict=True
        )
    ]
    one = api.post("/predict", json={"symbol": symbols[0], "bars": bars}).json()
    for name in ("prediction", "confidence", "direction", "event_time", "suggested_position"):
        assert one[name] == found[0][name], name
    few = api.post("/predict", json={"bars": bars[:5]})
    assert few.status_code == 422
    assert error_of(few)["fields"][0]["field"] == "bars"
    assert "or more do" in error_of(few)["message"]
    for place, change, field in [
        (7, {"high": 0.001}, "bars[7]"),
        (7, {"event_time": bars[6]["event_time"]}, "bars[7].event_time"),
        (3, {"event_time": int(bars[3]["event_time"]) + 1}, "bars[3]"),
        (3, {"close": -1.0}, "bars[3]"),
    ]:
        wrong = [{**bar, **change} if number == place else bar for number, bar in enumerate(bars)]
        answer = api.post("/predict", json={"bars": wrong})
        assert (answer.status_code, error_of(answer)["fields"][0]["field"]) == (422, field), answer.text


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, "body"),
        ({"features": ROW, "symbol": "A"}, 422, "body"),
        ({"features": {}}, 422, "body"),
        ({"symbols": []}, 422, "body"),
        ({"features": {**ROW, "nonsense": 1.0}}, 422, "features.nonsense"),
        ({"features": {"logret_1": 0.1}}, 422, "features.volume_z_20"),
        ({"batch": [ROW, ROW, {"logret_1": 1.0}]}, 422, "batch[2].volume_z_20"),
        ({"batch": [ROW, {**ROW, "logret_1": "high"}]}, 422, "batch[1].logret_1"),
        ({"features": {**ROW, "logret_1": [1]}}, 422, "features.logret_1"),
        ({"symbol": ""}, 422, "symbol"),
        ({"symbol": "a\0b"}, 422, "symbol"),
        ({"symbol": "x" * 200}, 422, "symbol"),
        ({"symbols": ["A", 7]}, 422, "symbols[1]"),
        ({"symbol": "A", "interval": "7m"}, 422, "interval"),
        ({"symbol": "A", "interval": "1h", "strategy": STRATEGY}, 422, "interval"),
        ({"symbol": "A", "modle": "x:1"}, 422, "modle"),
        ({"symbol": "A", "model": "linear-alpha"}, 422, "model"),
        ({"symbol": "A", "strategy": "unknown"}, 409, "strategy"),
        ({"bars": [{"event_time": 1, "open": 1, "high": 1, "low": 1}]}, 422, "bars[0].close"),
        ({"bars": [{"event_time": "2026-01-01", "open": 1, "high": 1, "low": 1, "close": 1}]}, 422,
         "bars[0].event_time"),
    ],
)  # fmt: skip
def test_bad_questions_say_which_field(api: Api, body: dict[str, Any], status: int, field: str) -> None:
    answer = api.post("/predict", json=body)
    assert answer.status_code == status, answer.text
    assert field in [one["field"] for one in error_of(answer)["fields"]], answer.text


def test_numbers_that_no_model_can_take_are_refused_and_close_it_to_nobody(api: Api) -> None:
    for _ in range(6):
        answer = api.post("/predict", json={"batch": [ROW, {**ROW, "logret_1": 1e300}]})
        assert answer.status_code == 422
        assert error_of(answer)["fields"][0]["field"] == "batch[1].logret_1"
        assert api.post("/invocations", json={"inputs": [[1e300, 0.0]]}).status_code == 422
    assert api.post("/predict", json={"features": ROW}).json()["status"] == "ok"


@pytest.mark.parametrize("name", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_are_none_are_refused(api: Api, name: str) -> None:
    text = f'{{"features": {{"logret_1": {name}, "volume_z_20": 1}}}}'
    answer = api.post("/predict", content=text, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert error_of(answer)["fields"][0]["field"] == "features.logret_1"


def test_what_is_no_request_of_ours(api: Api) -> None:
    plain = {"Content-Type": "text/plain"}
    json_type = {"Content-Type": "application/json"}
    assert api.post("/predict", content=b"{", headers=json_type).status_code == 422
    assert api.post("/predict", content=b"\xff\xfe", headers=json_type).status_code in (400, 422)
    assert api.post("/predict", json=[1, 2]).status_code == 422
    assert api.post("/predict", content=json.dumps({"features": ROW}), headers=plain).status_code == 415
    assert api.post("/predict", content=b'{"symbol": "\\ud800"}', headers=json_type).status_code == 422
    deep = b"[" * 50_000
    assert api.post("/predict", content=deep, headers=json_type).status_code in (400, 422)
    assert error_of(api.get("/nothing"))["code"] == "not_found"
    assert error_of(api.get("/predict"))["code"] == "wrong_method"
    for _ in range(2):
        unknown = api.post("/predict", json={"symbol": "A", "model": "nobody:1"})
        assert (unknown.status_code, error_of(unknown)["code"]) == (404, "unknown_model")
    assert '"model_unavailable"' not in api.process.log.read_text()
    assert api.get("/signals/A" + "?x=" + "y" * 9_000).status_code == 414
    assert api.get("/health", headers={"X-Long": "y" * 40_000}).status_code in (400, 431)


def test_every_response_has_its_headers_and_no_origin_is_let_in(api: Api) -> None:
    answers = [
        api.get("/health", headers={"Origin": "http://evil.example"}),
        api.get("/nothing"),
        api.post("/predict", json={}),
        api.options("/predict", headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}),
        api.get("/health", headers={"Host": "evil.example"}),
    ]
    for answer in answers:
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "server" not in answer.headers
        assert not [name for name in answer.headers if name.startswith("access-control")]
    assert [answer.status_code for answer in answers] == [200, 404, 422, 405, 421]
    for host in ("localhost:80", "127.0.0.1", "[::1]:1", "LOCALHOST"):
        assert api.get("/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": {"columns": list(ROW), "data": [list(ROW.values())] * 2}},
        {"dataframe_records": [ROW, ROW]},
        {"inputs": {name: [value] * 2 for name, value in ROW.items()}},
        {"inputs": [list(ROW.values())] * 2},
        {"instances": [ROW, list(ROW.values())]},
    ],
    ids=["split", "records", "columns", "rows", "instances"],
)
def test_mlflow_clients_are_understood(api: Api, body: dict[str, Any]) -> None:
    assert api.post("/invocations", json=body).json() == {"predictions": [pytest.approx(score_of(ROW), rel=1e-6)] * 2}


@pytest.mark.parametrize(
    "body", [{}, [], {"inputs": 3}, {"inputs": [[1.0]]}, {"inputs": []}, {"dataframe_split": {"columns": ["a", "b"]}},
             {"dataframe_split": {"columns": ["a", "b"], "data": [[1]]}}, {"instances": [{"logret_1": "x"}]}],
)  # fmt: skip
def test_what_mlflow_would_not_send_is_refused(api: Api, body: Any) -> None:
    assert api.post("/invocations", json=body).status_code == 422


def test_pause_and_resume_need_the_token_and_leave_a_trace(api: Api, cache: SignalCache, world: ServingWorld) -> None:
    symbol = next(iter(cache.read("1m")))
    asked = {"symbols": [symbol], "reason": "halted at the exchange"}
    for headers in ({}, {"Authorization": "Bearer"}, {"Authorization": TOKEN}, {"Authorization": f"Basic {TOKEN}"}):
        assert api.post("/pause", json=asked, headers=headers).status_code == 401
    refused = api.decide("pause", token=TOKEN + "x", **asked)
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert api.get(f"/signals/{symbol}").json()["source"] == "cached", "nothing was changed"
    done = api.decide("pause", **asked)
    assert done.status_code == 200, done.text
    assert done.json()["event"]["action"] == "pause"
    assert done.json()["event"]["issued_by"] == "default over HTTP from 127.0.0.1"
    wait_for(lambda: api.get(f"/signals/{symbol}").json()["code"] == "paused", 30)
    predicted = api.post("/predict", json={"symbol": symbol}).json()
    assert (predicted["paused"], predicted["suggested_position"]) == (True, 0.0)
    assert predicted["prediction"] is not None, "a pause stops signals, not predictions"
    assert api.get("/models/live").json()["in_force"][0]["pauses"] == [{"strategy": "", "symbols": [symbol]}]
    assert api.decide("resume", symbols=[symbol], reason="over").status_code == 200
    wait_for(lambda: api.get(f"/signals/{symbol}").json()["source"] == "cached", 30)
    unknown = api.decide("pause", strategy="misspelt", reason="x")
    assert (unknown.status_code, error_of(unknown)["code"]) == (422, "refused")
    assert api.decide("pause", reason="").status_code == 422
    log = api.process.log.read_text()
    lines = [json.loads(line) for line in log.splitlines() if '"audit"' in line]
    assert [one["outcome"] for one in lines][:6] == [*["refused"] * 5, "asked"]
    assert {(one["call"], one["why"]) for one in lines if one["outcome"] == "done"} == {
        ("POST /pause", asked["reason"]), ("POST /resume", "over"),
    }  # fmt: skip
    assert TOKEN not in log
    with connect(world.settings) as connection:
        # A line that nothing waits for is stored behind the answer.
        prefix, known = world.settings.topics.prefix, len(lines)
        wait_for(lambda: len(newest_lines(connection, prefix, limit=100)) >= known, 30, "the last line to be stored")
        stored = newest_lines(connection, prefix, limit=100)[::-1]
    kept = [(one.outcome, one.who, one.call, one.client) for one in stored]
    assert kept == [(one["outcome"], one["who"], one["call"], one["client"]) for one in lines]
    assert {one.who for one in stored if one.outcome in ("asked", "done")} == {"default"}
    assert {one.who for one in stored[:5]} == {""}
    pause = [one for one in stored if one.detail.get("why") == asked["reason"]]
    assert [(one.outcome, one.request_id, one.detail["symbols"]) for one in pause] == [
        ("asked", pause[0].request_id, [symbol]), ("done", pause[0].request_id, [symbol]),
    ]  # fmt: skip
    assert TOKEN not in str(stored)


def test_without_a_token_nothing_can_be_changed(narrow: Api) -> None:
    for token in ("none", TOKEN):
        answer = narrow.decide("pause", token=token, reason="x")
        assert answer.status_code == 403
        assert "SIGNALTAPE_API__TOKEN" in error_of(answer)["message"]


def test_a_missed_deadline_over_http(narrow: Api, cache: SignalCache) -> None:
    one = narrow.post("/predict", json={"features": ROW}).json()
    assert (one["prediction"], one["direction"], one["status"]) == (None, None, "skipped")
    assert one["code"] == "deadline_missed"
    assert "did not answer in time" in one["reason"]
    assert narrow.post("/invocations", json={"inputs": [list(ROW.values())]}).status_code == 503
    symbol, sent = next(iter(cache.read("1m").items()))
    assert narrow.get(f"/signals/{symbol}").json()["source"] == "cached"
    cache.remove("1m", [symbol])
    body = narrow.get(f"/signals/{symbol}").json()
    cache.write([sent])
    assert (body["source"], body["signal"], body["code"]) == ("fallback", None, "deadline_missed")
    for _ in range(5):
        one = narrow.post("/predict", json={"features": ROW}).json()
    assert one["code"] == "breaker_open"


def test_limits_of_one_request(narrow: Api) -> None:
    rows = narrow.post("/predict", json={"batch": [ROW] * 11})
    assert (rows.status_code, error_of(rows)["fields"][0]["field"]) == (422, "batch")
    symbols = narrow.post("/predict", json={"symbols": ["A"] * 11})
    assert error_of(symbols)["fields"][0]["field"] == "symbols"
    bar = {"event_time": 60 * 10**9, "open": 1, "high": 1, "low": 1, "close": 1}
    bars = narrow.post("/predict", json={"bars": [bar] * 101})
    assert error_of(bars)["fields"][0]["field"] == "bars"
    large = narrow.post("/predict", json={"symbols": ["x" * 100] * 300})
    assert (large.status_code, error_of(large)["code"]) == (413, "too_large")

    def pieces() -> Iterator[bytes]:
        for _ in range(100):
            yield b" " * 1_000

    chunked = narrow.post("/predict", content=pieces(), headers={"Content-Type": "application/json"})
    assert chunked.status_code == 413
    assert narrow.post("/predict", json={"features": ROW}).status_code == 200


def test_a_body_that_never_ends_is_given_up(narrow: Api) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
    with socket.create_connection(("127.0.0.1", narrow.port), timeout=60) as raw:
        begun = time.monotonic()
        raw.sendall(head)
        assert raw.recv(4_096).startswith(b"HTTP/1.1 504")
        assert time.monotonic() - begun < 30
    assert narrow.get("/health").status_code == 200


def test_a_port_that_is_taken_is_named(world: ServingWorld, api: Api) -> None:
    taken = ServiceProcess(world.settings, "api", 2, SIGNALTAPE_API=json.dumps({"port": api.port}))
    assert taken.wait_exit() == 1
    assert f"can't listen on 127.0.0.1:{api.port}" in taken.tail()
    assert "SIGNALTAPE_API__PORT" in taken.tail()


def test_the_api_and_the_sdk_say_the_same(api: Api, world: ServingWorld) -> None:
    with SignalReader(settings=world.settings) as reader:
        for symbol in sorted(set(world.table.symbol.tolist())):
            answer, body = reader.get_signal(symbol), api.get(f"/signals/{symbol}").json()
            assert answer.signal is not None
            assert (answer.source, answer.signal.signal_id) == (body["source"], body["signal_id"])


def test_the_flow_inside_one_process_gives_the_signals_of_the_pipeline(world: ServingWorld, tmp_path: Path) -> None:
    """The example of docs/http.md, over the bars that were published: the same signals, bit for bit."""
    write_bars(tmp_path / "bars.csv", world.table)
    model = world.settings.artifacts / world.ref.name / str(world.ref.version)
    argv = [sys.executable, str(EXAMPLE), str(tmp_path / "bars.csv"), "--interval", "1m", "--stamp", "close"]
    done = subprocess.run([*argv, "--model", str(model)], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    said = [json.loads(line) for line in done.stdout.splitlines()]
    with connect(world.settings) as connection:
        rows = connection.execute("SELECT signal_id, symbol, signal, score, confidence FROM signals").fetchall()
    assert len(rows) > 50
    found = sorted((one["signal_id"], one["symbol"], one["signal"], one["score"], one["confidence"]) for one in said)
    assert found == sorted(rows)


def test_redis_away(stack: TestStack, api: Api, world: ServingWorld) -> None:
    symbol = str(world.table.symbol[0])
    stack.kill("redis")
    try:
        wait_for(lambda: api.get("/ready").status_code == 503, 30, "not ready")
        assert not api.get("/ready").json()["checks"]["redis"]["ok"]
        assert api.get("/health").status_code == 200
        answer = api.get(f"/signals/{symbol}")
        assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
        assert api.post("/predict", json={"features": ROW}).json()["status"] == "ok"
        away = api.post("/predict", json={"symbol": symbol})
        assert (away.status_code, error_of(away)["code"]) == (503, "store_unavailable")
        assert "127.0.0.1" not in away.text, "where it lies is not a caller's business"
        assert api.get("/signals/latest").status_code == 503
    finally:
        stack.start_server("redis")
    wait_for(lambda: api.get("/ready").status_code == 200, 30, "ready again")
    wait_for(lambda: api.get(f"/signals/{symbol}").json()["source"] == "cached", 30, "the cache to be filled again")
    wait_for(lambda: not OnlineStore(world.settings).is_stale(), 30)
