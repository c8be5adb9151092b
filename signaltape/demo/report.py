"""Everything that a demonstration says at its end, as plain values under public names."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from infra.broker.reading import read_topic
from infra.settings import Settings
from infra.stack import Endpoints
from infra.warehouse import connect
from schemas.topics import DEAD_LETTERED, TopicNames
from signaltape.demo.change_figures import read_change
from signaltape.demo.fault_figures import read_fault
from signaltape.demo.figures import counts, latest_signals
from signaltape.demo.latency import published_at, read_probe, stage_latencies
from signaltape.demo.models import TrainedModel
from signaltape.demo.parts import Part
from signaltape.demo.scene import Scene
from signaltape.reconcile import Reconciliation, reconcile

#: A part with the heads of the log (partition → next offset) before and after it.
Span = tuple[Part, Mapping[int, int], Mapping[int, int]]


def assemble(
    active: Scene, spans: Sequence[Span], models: Sequence[TrainedModel], published_bars: int, probe: Path
) -> dict[str, Any]:
    """Count both sides, read figures and latencies, and return the report."""
    settings = active.settings
    result = reconcile(settings)
    with connect(settings, name="signaltape-report") as connection:
        figures, newest = counts(connection), latest_signals(connection)
    return {
        **result.as_json(),
        **_flow(result, figures, published_bars),
        "drift_metrics": figures["drift_metrics"],
        "repair_requests": figures["repair_requests"],
        "dead_letters": dead_letters(settings),
        "latency_ms": _latencies(settings, spans, probe),
        "latest_signals": newest,
        "models": [asdict(model) for model in models],
        "change": next((read_change(settings, part.change) for part, _, _ in spans if part.change is not None), None),
        "fault": _fault(settings, [part for part, _, _ in spans], models),
        "servers": _servers(active.endpoints),
        "source": [{"part": part.name, "origin": part.origin, "bars": part.bars} for part, _, _ in spans],
        "restarts": active.supervisor.exits,
    }


def _fault(settings: Settings, parts: Sequence[Part], models: Sequence[TrainedModel]) -> dict[str, Any] | None:
    """What was found of the fault that was planted into a part, None if none was."""
    for part in parts:
        if part.fault is not None:
            own = part.stretches[0]
            model = next(one for one in models if (one.name, one.effective_from) == (own.model, own.effective_from))
            return read_fault(settings, part, part.fault, model)
    return None


def passed(report: Mapping[str, Any]) -> bool:
    """True if both sides of every line agree, and the planted fault, if any, was found."""
    return bool(report["reconciled"] and (report["fault"] is None or report["fault"]["detected"]))


def _flow(result: Reconciliation, figures: dict[str, Any], published_bars: int) -> dict[str, Any]:
    """Return what was published and what was stored, stage by stage. KeyError for a stage that isn't reconciled."""
    sides = {line.stage: line for line in result.rows}

    def sent(stage: str) -> int:
        return sides[stage].in_

    online = sides["newest vectors → Redis"]
    returns, alerts = figures.pop("returns"), figures.pop("alerts")
    predictions, signals = figures["predictions"], figures["signals"]
    return {
        "bars": {"published": published_bars, "stored": figures["bars_stored"]},
        "features": {
            "published": sent("features → table"),
            "stored": figures["features_stored"],
            "in_redis": online.out,
            "in_redis_expected": online.in_,
        },
        "predictions": {
            "published": sent("predictions → table"),
            "stored": predictions["rows"],
            "by_status": predictions["by_status"],
            "by_outcome": predictions["by_outcome"],
        },
        "signals": {"published": sent("signals → table"), "stored": signals.pop("rows"), **signals},
        "returns": {
            "published": sent("returns → table"),
            "stored": sum(returns.values()),
            "by_horizon": returns,
        },
        "alerts": {"published": sent("alerts ↔ table"), "stored": alerts["rows"], "by_rule": alerts["by_rule"]},
    }


def dead_letters(settings: Settings) -> dict[str, int]:
    """Return the number of messages in each dead-letter topic that holds any."""
    names = TopicNames(settings.topics.prefix)
    found = {name: sum(1 for _ in read_topic(settings, names.dlq(names.of(name)))) for name in DEAD_LETTERED}
    return {name: count for name, count in found.items() if count}


def _latencies(settings: Settings, spans: Sequence[Span], probe: Path) -> dict[str, Any]:
    published, seen = published_at(settings), read_probe(probe)
    result = {}
    for part, first, last in spans:
        chosen = {(p, offset) for p, offset in published if first[p] <= offset < last[p]}
        result[part.name] = stage_latencies(published, seen, chosen)
    return result


def _servers(endpoints: Endpoints) -> dict[str, str | None]:
    return {
        "kafka": endpoints.kafka_version,
        "postgres": endpoints.postgres_version,
        "redis": endpoints.redis_version,
        "timescaledb": endpoints.timescale_version,
        "timescaledb_license": endpoints.timescale_license,
    }
