"""The report as text."""

from collections.abc import Iterator
from textwrap import wrap
from typing import Any

from signaltape.demo.browser import browser_lines
from signaltape.demo.change_text import change_lines, clock
from signaltape.demo.fault_text import fault_lines, verdict

_WIDTH = 100
_METRICS = ("ic", "psi", "feature_psi_max")


def render(report: dict[str, Any]) -> str:
    """Return the report of a demonstration for a terminal, at most a hundred columns wide."""
    return "\n".join(_lines(report))


def _lines(report: dict[str, Any]) -> Iterator[str]:
    yield ""
    yield f"signaltape demo · {report['elapsed_s']:.0f} s"
    yield "═" * _WIDTH
    servers = report["servers"]
    timescale = servers["timescaledb"] or "absent: plain Postgres, no hypertables"
    yield (
        f"Ran on   Kafka {servers['kafka']} · Postgres {servers['postgres']} ·"
        f" TimescaleDB {timescale}{_license(servers)} · Redis {servers['redis']}"
    )
    for part in report["source"]:
        yield f"Bars     {part['bars']:>9,}  {part['origin']}"
    for model in report["models"]:
        yield (
            f"Model    {model['strategy']:<9} {model['name']}:{model['version']} ({model['family']}),"
            f" trained on {model['training_bars']:,} bars, held-out rank IC {_interval(model)}"
        )
    yield from _flow(report)
    yield from _latencies(report["latency_ms"])
    yield from _signals(report["latest_signals"])
    if report["change"]:
        yield "─" * _WIDTH
        yield from change_lines(report["change"])
    if report["arrivals"]:
        yield from _arrivals(report["arrivals"])
    if report["fault"]:
        yield "─" * _WIDTH
        yield from fault_lines(report["fault"])
    yield from _reconciliation(report)


def _license(servers: dict[str, Any]) -> str:
    return f" ({servers['timescaledb_license']} licence)" if servers["timescaledb_license"] else ""


def _both(figures: dict[str, Any]) -> str:
    return f"published {figures['published']:>9,}   stored {figures['stored']:>9,}"


def _interval(model: dict[str, Any]) -> str:
    value, low, high = (model[name] for name in ("rank_ic", "rank_ic_low", "rank_ic_high"))
    if value is None:
        return "n/a"
    return f"{value:+.3f}" + ("" if low is None else f" [{low:+.3f}, {high:+.3f}]")


def _flow(report: dict[str, Any]) -> Iterator[str]:
    bars, features, signals = report["bars"], report["features"], report["signals"]
    yield "─" * _WIDTH
    yield f"bars          {_both(bars)}"
    yield (
        f"features      {_both(features)}"
        f"   in Redis {features['in_redis']:,} of {features['in_redis_expected']:,} newest"
    )
    statuses = " · ".join(f"{name} {count:,}" for name, count in report["predictions"]["by_status"].items())
    yield f"predictions   {_both(report['predictions'])}   {statuses}"
    yield (
        f"signals       {_both(signals)}"
        f"   long {signals['long']:,} · short {signals['short']:,} · flat {signals['flat']:,}"
        f" · suppressed {signals['suppressed']:,} · merged {signals['merged']:,}"
    )
    horizons = " · ".join(f"h={horizon} {count:,}" for horizon, count in report["returns"]["by_horizon"].items())
    yield f"returns       {_both(report['returns'])}   {horizons}"
    rules = " · ".join(f"{rule} {count}" for rule, count in report["alerts"]["by_rule"].items()) or "none"
    yield f"alerts        {_both(report['alerts'])}   {rules}"
    yield from wrap(f"drift metrics {_metrics(report['drift_metrics'])}", _WIDTH, subsequent_indent=" " * 14)
    dead = " · ".join(f"{topic} {count}" for topic, count in report["dead_letters"].items()) or "none"
    yield f"dead letters  {dead}"
    if report["restarts"]:
        yield f"RESTARTS      {report['restarts']} (exit codes by service; see the logs)"


def _metrics(counts: dict[str, int]) -> str:
    """The few that others follow from, by verdict; of all others the number."""
    shown = {name: count for name, count in counts.items() if name.split()[0] in _METRICS}
    others = sum(counts.values()) - sum(shown.values())
    parts = [f"{name} {count}" for name, count in shown.items()] + [f"{others:,} others"] * (others > 0)
    return " · ".join(parts) or "none"


def _latencies(latencies: dict[str, Any]) -> Iterator[str]:
    yield "─" * _WIDTH
    yield f"latency, ms {'':<34}{'p50':>9}{'p99':>10}{'max':>10}{'messages':>11}"
    for part, stages in latencies.items():
        for stage, figures in stages.items():
            yield (
                f"  {part:<10} {stage:<32} {figures['p50']:>9.1f} {figures['p99']:>9.1f}"
                f" {figures['max']:>9.1f} {figures['messages']:>10,}"
            )


def _signals(signals: list[dict[str, Any]]) -> Iterator[str]:
    yield "─" * _WIDTH
    yield "latest signals"
    for signal in signals:
        yield (
            f"  {signal['event_time'][:19]}  {signal['symbol']:<8} {signal['signal']:<5}"
            f" score {signal['score']:+.5f}  confidence {signal['confidence']:.2f}"
            f"  at {signal['reference_price']:>10.4f}  {signal['model']}"
        )


def _arrivals(arrivals: dict[str, Any]) -> Iterator[str]:
    yield "─" * _WIDTH
    yield "a correction and a split, after the session (SIMULATED)"
    one, split = arrivals["revision"], arrivals["split"]
    yield (
        f"  {one['symbol']:<8} revision of the bar of {clock(one['event_time'])}: close {one['close_before']:.4f} →"
        f" {one['close_after']:.4f}, {one['status']} in {one['seconds']:.2f} s"
    )
    yield (
        f"  {'':<8} {one['feature_rows']} feature rows and {one['return_rows']} return rows corrected beside what they"
        f" correct, {one['predictions_added']} predictions"
    )
    yield (
        f"  {'':<8} {one['feature']} at {clock(one['feature_event_time'])}: {one['as_of_before']:.8f} as of before,"
        f" {one['as_of_after']:.8f} as of its arrival"
    )
    yield (
        f"  {split['symbol']:<8} split {split['factor']:g}:1 after {clock(split['effective_time'])}: price"
        f" {split['price_before']:.4f} → {split['price_after']:.4f}"
    )
    yield (
        f"  {'':<8} logret_1 of the next bar {split['logret_1']:+.6f} (prices alone say"
        f" {split['log_ratio_of_prices']:+.6f})"
    )


def _reconciliation(report: dict[str, Any]) -> Iterator[str]:
    yield "─" * _WIDTH
    yield f"reconciliation{'':<40}{'in':>10}{'out':>12}{'dup.':>8}{'dead':>8}"
    for row in report["reconciliation"]:
        mark = "✓" if row["ok"] else "✗"
        yield (
            f"{mark} {row['stage']:<52}{row['in']:>10,}{row['out']:>12,}"
            f"{row['duplicates']:>8,}{row['dead_lettered']:>8,}"
        )
        if row.get("detail"):
            yield f"    {row['detail']}"
    yield "═" * _WIDTH
    if report["fault"]:
        yield verdict(report["fault"])
    yield (
        "RECONCILED: both sides of every line agree" if report["reconciled"] else "NOT RECONCILED: see the lines with ✗"
    )
    yield from browser_lines(report["console"])
