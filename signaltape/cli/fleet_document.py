"""The part of `signaltape status` about the processes, for programs."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from signaltape.console.flow.problems import Own, Problem, problems
from signaltape.fleet import Process, Series, View, rate_of

#: What is shown of the flow, in its order: name → counter and labels.
FLOW: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("bars", "signaltape_bars_total", {"outcome": "first"}),
    ("feature vectors", "signaltape_feature_vectors_total", {}),
    ("predictions", "model_predictions_total", {}),
    ("signals", "signaltape_signals_total", {}),
    ("rows stored", "signaltape_rows_stored_total", {}),
    ("dead letters", "signaltape_dead_letters_total", {}),
    ("errors", "signaltape_errors_total", {}),
)


def degraded(view: View, per_second: Mapping[Series, float]) -> list[Problem]:
    """What the console's page Flow says too, as far as it is seen from here."""
    without = {
        check.name: (False, f"{process.name}: {check.detail}")
        for process in reversed(view.processes)
        for check in process.unready()
    }
    return problems(view, per_second, Own(checks=without, live=None), ("monitor",))


def fleet_document(view: View, per_second: Mapping[Series, float] | None = None) -> dict[str, Any]:
    """Everything about the processes; rates only where there are some, of a look before."""
    document: dict[str, Any] = {
        "at": datetime.fromtimestamp(view.at_ns / 1e9, UTC).isoformat(),
        "processes": [_process(one, view) for one in view.processes],
        "missing": list(view.missing),
        "groups": [
            {"group": one.group, "topic": one.topic, "messages": one.messages, "seconds": round(one.seconds, 3)}
            for one in view.groups()
        ],
        "dead_letters": {
            topic: round(count) for topic, count in view.worst("signaltape_dead_letters_kept", "topic").items()
        },
        "degraded": [asdict(one) for one in degraded(view, per_second or {})],
    }
    if per_second is not None:
        document["per_second"] = {name: round(rate_of(per_second, metric, **of), 3) for name, metric, of in FLOW}
    return document


def _process(one: Process, view: View) -> dict[str, Any]:
    return {
        "name": one.name,
        "service": one.service,
        "instance": one.instance,
        "state": one.state,
        "pid": one.pid,
        "address": f"{one.host}:{one.port}",
        "error": one.error,
        "checks": {check.name: {"ok": check.ok, "detail": check.detail} for check in one.checks},
        "waiting": {f"{lag.topic}[{lag.partition}]": lag.messages for lag in one.lag},
        "memory_bytes": one.value("process_resident_memory_bytes"),
        "up_s": up_s(one, view),
    }


def up_s(one: Process, view: View) -> float | None:
    """How long the process has run, in seconds; None if it doesn't answer."""
    started = one.value("process_start_time_seconds")
    return None if started is None else round(view.at_ns / 1e9 - started, 1)
