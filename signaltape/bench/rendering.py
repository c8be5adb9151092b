"""Figures of the benchmarks as text."""

from collections.abc import Callable, Iterator
from typing import Any

from signaltape.bench.backtest_text import backtest_lines, replay_lines, stored_lines


def render(machine: dict[str, Any], figures: dict[str, Any]) -> str:
    """Return what was measured, with the machine that it was measured on."""
    lines = [f"{machine['processor']}, {machine['cores']} cores, Python {machine['python']}"]
    for name, measured in figures.items():
        lines += _SECTIONS[name](measured)
    return "\n".join(lines)


def _engine(figures: dict[str, Any]) -> Iterator[str]:
    yield "feature engine alone (34 features, one core, a snapshot every 100 cross-sections)"
    for row in figures["sizes"]:
        yield (
            f"  {row['symbols']:>5} symbols  {row['bars_per_second']:>10,.0f} bars/s   step {row['step_us']:>8,.0f} µs"
            f" (p99 {row['step_p99_us']:,.0f})   snapshot {row['snapshot_us'] / 1000:,.1f} ms"
        )
    baseline = figures["baseline_bars_per_second"]
    yield f"  for scale: five recursive columns of the 34 alone, in plain Python: {baseline:,.0f} bars/s"


def _single(figures: dict[str, Any]) -> Iterator[str]:
    yield f"single bars, bars-in → features ({figures['bars']:,} bars of {figures['symbols']} symbols)"
    stored = figures["messagepack_stored"]
    yield f"  MessagePack {figures['messagepack']:>10,} bars/s, rows stored meanwhile; until the last row {stored:,}"
    yield f"  JSON        {figures['json']:>10,} bars/s"
    yield f"  bare loop   {figures['bare_loop']:>10,} bars/s (same features, no guarantee, nothing stored)"
    yield f"  ratio       {figures['ratio_to_bare_loop']:>10}"


def _pipeline(figures: dict[str, Any]) -> Iterator[str]:
    yield f"whole pipeline, everything stored ({figures['bars']:,} bars, {figures['rows']:,} rows)"
    yield f"  {figures['bars_per_second']:,} bars/s, {figures['rows_per_second']:,} rows/s in {figures['seconds']} s"


def _inference(figures: dict[str, Any]) -> Iterator[str]:
    yield f"scoring: {figures['rows']:,} rows × {figures['features']} features, {figures['trees']} trees, one core"
    for way, label in (
        ("scorer", "as served: chunks of 256"),
        ("bare_call", "one bare call"),
        ("lightgbm", "LightGBM itself"),
    ):
        yield f"  {label:<26} p50 {figures[f'{way}_p50_ms']:>7.2f} ms   p99 {figures[f'{way}_p99_ms']:>7.2f} ms"
    yield f"  {figures['rows_per_second']:,} rows/s as served   ratio to the bare call {figures['ratio']}"


def _drift(figures: dict[str, Any]) -> Iterator[str]:
    yield f"drift monitoring alone: {figures['symbols']:,} symbols × {figures['models']} models, one core"
    yield (
        f"  {figures['cpu_s_a_minute'] * 1_000:,.0f} ms of CPU for a market minute"
        f" ({figures['share_of_a_core']:.2%} of a core); decoding alone {figures['decode_s_a_minute'] * 1_000:,.0f} ms"
    )
    spans = ", ".join(f"{mb} MB after {sessions} sessions" for sessions, mb in figures["resident_mb"].items())
    sizes = ", ".join(f"{kb:,.0f} kB" for kb in figures["state_kb"].values())
    yield f"  resident memory {spans}; state {sizes}"


def _latency(figures: dict[str, Any]) -> Iterator[str]:
    model = f"{figures['trees']} trees" if figures["trees"] else "a linear model"
    yield f"burst of {figures['symbols']:,} symbols, {model}, first produce() → last signal in another process"
    yield (
        f"  p50 {figures['p50_ms']} ms   p99 {figures['p99_ms']} ms   max {figures['max_ms']} ms"
        f"   ({figures['bursts']} bursts)"
    )
    for stage, times in figures["stages"].items():
        name = stage.replace("_to_", " → ")
        yield f"  {name:<22} p50 {times['p50_ms']:>6} ms   p99 {times['p99_ms']:>6} ms"


def _store(figures: dict[str, Any]) -> Iterator[str]:
    yield f"storing alone, from messages to the commit ({figures['rows_a_commit']:,} rows a commit)"
    for row in figures["tables"]:
        yield (
            f"  {row['table']:<12} {row['rows_per_second']:>10,.0f} rows/s"
            f"   psycopg write_row {row['write_row']:>8,.0f}   ratio {row['ratio']:>5.1f}"
        )


def _backfill(figures: dict[str, Any]) -> Iterator[str]:
    yield (
        f"backfill, from bars to the last commit ({figures['bars']:,} bars of {figures['symbols']} symbols,"
        f" {figures['chunk']:,} bars a commit)"
    )
    for name, label in (("bars_and_features", "bars and features"), ("with_returns", "with returns")):
        row = figures[name]
        yield (
            f"  {label:<18} {row['bars_per_second']:>9,} bars/s   {row['rows_per_second']:>9,} rows/s"
            f"   {row['rows']:,} rows in {row['seconds']} s"
            f"   ({row['bars_per_cpu_second']:,} bars a processor second)"
        )


def _features(figures: dict[str, Any]) -> Iterator[str]:
    yield (
        f"point in time: {figures['pairs']:,} pairs × {figures['features']} features out of {figures['rows']:,} rows"
        f" (stored at {figures['rows_per_second']:,} rows/s)"
    )
    same = "equal" if figures["equal"] else "DIFFERENT"
    yield (
        f"  {figures['seconds']} s   naive lateral join {figures['naive_seconds']} s   ratio {figures['ratio']}"
        f"   results {same}"
    )
    online = figures["online"]
    yield f"newest out of Redis: {online['entities']} entities × {online['features']} features"
    yield (
        f"  p50 {online['read_p50_ms']} ms   p99 {online['read_p99_ms']} ms"
        f"   bare MGET p50 {online['bare_mget_p50_ms']} ms   p99 {online['bare_mget_p99_ms']} ms"
    )


def _http(figures: dict[str, Any]) -> Iterator[str]:
    yield f"HTTP API and get_signal ({figures['trees']} trees, {figures['symbols']} symbols in Redis)"
    pairs = (
        ("GET /health", "health", ""),
        ("GET /signals/{symbol}, cached", "signal_cached", "bare_hget"),
        ("POST /predict, one row", "predict_one", "model_one"),
        ("POST /predict, a symbol", "predict_symbol", "model_one"),
        (f"POST /predict, {figures['symbols']} rows", "predict_many", "model_many"),
        ("get_signal in the SDK, cached", "sdk_cached", "bare_hget"),
        ("get_signal in the SDK, computed", "sdk_computed", "model_one"),
    )
    names = {"bare_hget": "bare HGET", "model_one": "model alone", "model_many": "model alone"}
    for label, kind, baseline in pairs:
        row = figures[kind]
        rate = f"   {row['requests_per_second']:>6,} requests/s" if "requests_per_second" in row else ""
        beside = ""
        if baseline:
            bare = figures[baseline]
            beside = f"   {names[baseline]} p50 {bare['p50_ms']:.3f} ms   p99 {bare['p99_ms']:.3f} ms"
        yield f"  {label:<32} p50 {row['p50_ms']:>7.2f} ms   p99 {row['p99_ms']:>7.2f} ms{rate}{beside}"


def _swap(figures: dict[str, Any]) -> Iterator[str]:
    yield (
        f"{figures['swaps']} swaps ({figures['late']} late) of {figures['trees']} trees,"
        f" bars of {figures['symbols']} symbols: first produce() → a partition's last signal"
    )
    for name, label in (("with_swap", "with a swap"), ("while_loading", "while loading"), ("others", "all others")):
        yield f"  {label:<15} {_times(figures[name])}"
    low, high = figures["p99_difference_interval_ms"]
    yield (
        f"  p99 with a swap minus p99 of all others: {figures['p99_difference_ms']} ms"
        f" (95 % of resamples: {low} to {high})"
    )
    calls = figures["calls"]
    yield f"  model call alone, first by a new version  {_times(calls['with_swap'])}"
    yield f"  model call alone, all others              {_times(calls['others'])}"
    yield f"  p99 of the first minus p99 of all others: {calls['p99_difference_ms']} ms"
    for name in ("promote", "rollback"):
        yield f"  {name + ' → first signal':<25} {_times(figures[name])}"


def _times(one: dict[str, Any]) -> str:
    return f"p50 {one['p50_ms']:>7} ms   p99 {one['p99_ms']:>7} ms   max {one['max_ms']:>7} ms   ({one['count']:,})"


_SECTIONS: dict[str, Callable[[dict[str, Any]], Iterator[str]]] = {
    "engine": _engine,
    "single": _single,
    "pipeline": _pipeline,
    "inference": _inference,
    "drift": _drift,
    "latency": _latency,
    "store": _store,
    "backfill": _backfill,
    "features": _features,
    "http": _http,
    "swap": _swap,
    "backtest": backtest_lines,
    "stored": stored_lines,
    "replay": replay_lines,
}
