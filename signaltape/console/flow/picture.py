"""The pipeline as one document: nodes, edges, figures, groups, processes. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from signaltape.console.flow.quantiles import buckets_of, quantile
from signaltape.fleet import Process, Series, View, rate_of

#: What the picture shows of each topic: counter of the messages' rows that its writer publishes.
RATES = {
    "features": "signaltape_feature_vectors_total",
    "returns": "signaltape_returns_total",
    "predictions": "model_predictions_total",
    "signals": "signaltape_signals_total",
    "alerts": "signaltape_alerts_total",
    "rows": "signaltape_rows_stored_total",
}
#: Outcomes of bars that the feature agent counts, and of those that clients sent to `bars-in`.
_OUTCOMES = {"bars": ("first", "correction", "late", "secondary"), "bars_in": ("ingested", "rejected")}
_STAGE, _TO_SIGNAL = "signaltape_stage_latency_seconds", "signaltape_bar_to_signal_seconds"
_WORST = {"down": 0, "silent": 1, "not ready": 2, "ready": 3}


def nodes(view: View, services: Sequence[str]) -> dict[str, Any]:
    """Service → its worst state (``absent`` where nothing announced it), instances, those that are ready, lag."""
    found = {}
    for service in services:
        mine = view.of(service)
        found[service] = {
            "state": min((one.state for one in mine), key=_WORST.__getitem__, default="absent"),
            "instances": len(mine),
            "ready": sum(one.ready for one in mine),
            "waiting": sum(one.waiting for one in mine),
        }
    return found


def figures(view: View, rates: Mapping[Series, float], lasting: Mapping[Series, float]) -> dict[str, Any]:
    """``rates``: per second over the last few seconds; ``lasting``: over the last minute, for latencies.

    None where nobody knows: rates before a second look, what no process that answers tells, seconds where nothing was
    observed in that minute.
    """
    late = [one.seconds for one in view.groups()]
    latencies = {
        "to_signal": buckets_of(lasting, _TO_SIGNAL),
        **{stage: buckets_of(lasting, _STAGE, stage=stage) for stage in ("features", "inference", "store")},
        "model": buckets_of(lasting, "model_prediction_latency_seconds"),
    }
    letters = view.worst("signaltape_dead_letters_kept", "topic")
    kept = sum(letters.values()) if letters else None
    told: float | None = kept
    if kept is None and any(one.alive for one in view.processes):
        told = view.total("signaltape_dead_letters_total") or 0.0  # a counter has no series before it first counts
    # Every process has this gauge; these two know what it says.
    stale = [one.value("signaltape_online_stale") for name in ("features", "monitor") for one in view.of(name)]
    known = [one for one in stale if one is not None]
    per_second = {name: rate_of(rates, counter) for name, counter in RATES.items()} | {
        name: sum(rate_of(rates, "signaltape_bars_total", outcome=one) for one in outcomes)
        for name, outcomes in _OUTCOMES.items()
    }
    return {
        "rates": per_second if rates else dict.fromkeys(per_second),
        "latency": {of: {name: quantile(found, q) for name, q in _QUANTILES} for of, found in latencies.items()},
        "waiting": max((one.messages for process in view.processes for one in process.lag), default=None),
        "late_s": max(late, default=None),
        "dead_letters": told,
        "dead_letters_kept": kept is not None,
        "online_stale": any(known) if known else None,
        "symbols": dict(view.by_label("signaltape_symbols", "state")),
    }


_QUANTILES = (("p50", 0.5), ("p99", 0.99))


def groups(view: View) -> tuple[list[dict[str, Any]], str]:
    """Consumer groups with what waits for them, and who says so: ``monitor``, or each process of itself."""
    told = view.groups()
    if told:
        return [asdict(one) for one in told], "monitor"
    found: dict[tuple[str, str], int] = {}
    for process in view.processes:
        for one in process.lag:
            key = (process.service, one.topic)
            found[key] = found.get(key, 0) + one.messages
    return [
        {"group": group, "topic": topic, "messages": messages, "seconds": None}
        for (group, topic), messages in sorted(found.items())
    ], "processes"


def services(view: View, rates: Mapping[tuple[str, int], float]) -> list[dict[str, Any]]:
    """Every process; ``rates``: (service, instance) → cores that it uses."""
    return [_process(one, view.at_ns, rates.get((one.service, one.instance))) for one in view.processes]


def _process(one: Process, at_ns: int, cores: float | None) -> dict[str, Any]:
    started = one.value("process_start_time_seconds")
    versions = [
        dict(series.labels).get("version", "") for series in one.samples if series.name == "signaltape_build_info"
    ]
    return {
        "name": one.name,
        "service": one.service,
        "instance": one.instance,
        "state": one.state,
        "error": one.error,
        "pid": one.pid,
        "address": f"{one.host}:{one.port}",
        "checks": [{"name": check.name, "ok": check.ok, "detail": check.detail} for check in one.checks],
        "waiting": one.waiting if one.lag else None,
        "memory": one.value("process_resident_memory_bytes"),
        "cores": cores,
        "uptime_s": None if started is None else max(0.0, at_ns / 1e9 - started),
        "version": versions[0] if versions else None,
        "errors": one.value("signaltape_errors_total"),
        "warnings": one.value("signaltape_warnings_total"),
    }
