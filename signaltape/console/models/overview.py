"""What is in force for each strategy, who decided it, and the registry.

The first comes from Kafka alone: it is shown while Postgres is away.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from infra.errors import OperatorError
from infra.settings import Settings
from infra.warehouse import deployments, serving
from infra.warehouse.bounded import read_bounded
from infra.warehouse.connection import Connection
from infra.warehouse.console_models import Calls, Version, newest_calls, newest_metrics, versions
from infra.warehouse.model_stages import Approval, StageRecord, approvals, newest_stages
from infra.warehouse.moments import to_nanoseconds
from infra.warehouse.serving import ServingInstance
from pipeline.deployments import Deployments, ModelRef, Scope, Strategy, fold
from pipeline.succession import Succession, order_of_effect, successions
from schemas.control import ControlEvent
from schemas.topics import TopicNames
from signaltape.promotion.stages import approval_of
from signaltape.rollout.words import in_words
from signaltape.serving.control_view import ControlView

MOST_VERSIONS = 500
MOST_CHANGES = 100
#: Newest calls of each partition, of all models together, that latencies are made of.
_CALLS = 200
_METRICS = ("rank_ic", "rank_ic_low", "rank_ic_high", "hit_rate")
_PATIENCE_S = 4.0
#: Symbols of one pause that are listed by name.
_SYMBOLS = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """What Postgres holds. ``effects``: partition → control offset → bar time (ns UTC) from which it acts there."""

    effects: Mapping[int, Mapping[int, int]] = field(default_factory=dict)
    approved: Mapping[str, Approval] = field(default_factory=dict)
    instances: Sequence[ServingInstance] = ()
    calls: Sequence[Calls] = ()
    versions: Sequence[Version] = ()
    count: int = 0
    stages: Mapping[ModelRef, StageRecord] = field(default_factory=dict)
    metrics: Mapping[ModelRef, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)


def overview(settings: Settings, view: ControlView) -> dict[str, Any]:
    """The page's content; ``registry_failure`` says why what Postgres holds is missing, "" if it isn't."""
    events, failure, registry_failure = view.events, view.failure, ""
    everywhere = view.everywhere(time.time_ns())
    try:
        kept = read_bounded(settings, lambda one: _kept(one, settings, events), patience_s=_PATIENCE_S)
    except OperatorError as error:
        kept, registry_failure = Kept(), str(error)
    latest: dict[int, int] = {}
    for seen in kept.effects.values():
        for offset, at in seen.items():
            latest[offset] = max(at, latest.get(offset, 0))
    ordered = order_of_effect(events, latest)
    decided, lines = fold(ordered), successions(ordered)
    return {
        "now_ns": time.time_ns(),
        "control_offset": events[-1].control_offset if events else -1,
        "control_failure": failure,
        "registry_failure": registry_failure,
        "partitions": settings.topics.partitions,
        "shadow_bars": settings.promotion.shadow_bars,
        "strategies": [_strategy(one, lines, decided, everywhere, kept) for one in decided.strategies],
        "pauses": _scopes(decided),
        "scales": _scales(decided),
        "router_parameters": dict(decided.router_parameters),
        "instances": [_instance(one) for one in kept.instances],
        "changes": _changes(events, kept, settings.topics.partitions),
        "changes_total": len(events),
        "models": [_version(one, kept, decided) for one in kept.versions],
        "models_total": kept.count,
        "models_limit": MOST_VERSIONS,
    }


def _kept(connection: Connection, settings: Settings, events: Sequence[ControlEvent]) -> Kept:
    found, count = versions(connection, MOST_VERSIONS)
    return Kept(
        effects=deployments.effects(connection, TopicNames(settings.topics.prefix).control),
        approved=approvals(connection, [one for one in map(approval_of, events[-MOST_CHANGES:]) if one]),
        instances=serving.instances(connection, settings.topics.prefix),
        calls=newest_calls(connection, settings.topics.partitions, _CALLS),
        versions=found,
        count=count,
        stages=newest_stages(connection),
        metrics=newest_metrics(connection, _METRICS),
    )


def _strategy(
    one: Strategy, lines: Mapping[str, Succession], decided: Deployments, everywhere: Mapping[int, Deployments],
    kept: Kept,
) -> dict[str, Any]:  # fmt: skip
    line = lines.get(one.name, Succession(strategy=one.name))
    acting: dict[str, list[int]] = {}
    for partition, now in sorted(everywhere.items()):
        live = now.of(one.name).live
        acting.setdefault("" if live is None else str(live), []).append(partition)
    test = one.experiment
    return {
        "name": one.name,
        "live": None if one.live is None else str(one.live),
        "predecessor": None if line.predecessor is None else str(line.predecessor),
        "line": list(map(str, line.line)),
        "kept": sorted(str(ref) for ref in line.kept if ref != one.live),
        "served_before": list(dict.fromkeys(str(ref) for ref in reversed(line.history) if ref != one.live)),
        "acting": [{"live": live or None, "partitions": partitions} for live, partitions in acting.items()],
        "shadows": list(map(str, one.shadows)),
        "experiment": None
        if test is None
        else {"name": test.name, "arm": str(test.arm), "ratio": test.ratio, "scales": list(test.scales)},
        "parameters": dict(one.parameters),
        "paused": any(held.strategy in ("", one.name) and not held.symbols for held in decided.pauses),
        "pauses": [held for held in _scopes(decided) if held["strategy"] in ("", one.name)],
        "scales": [held for held in _scales(decided) if held["strategy"] in ("", one.name)],
        "calls": [_calls(found) for found in kept.calls if found.strategy == one.name],
    }


def _changes(events: Sequence[ControlEvent], kept: Kept, partitions: int) -> list[dict[str, Any]]:
    told = list(in_words(events))[-MOST_CHANGES:]
    found = []
    for event, words in reversed(told):
        approval = kept.approved.get(approval_of(event))
        seen = [at for one in kept.effects.values() if (at := one.get(event.control_offset)) is not None]
        found.append(
            {
                "control_offset": event.control_offset,
                "event_id": event.event_id,
                "issued_at": event.issued_at,
                "issued_by": event.issued_by,
                "action": event.action,
                "strategy": event.strategy,
                "model": f"{event.model}:{event.model_version}" if event.model else None,
                "symbols": len(event.symbols),
                "words": words,
                "reason": event.reason,
                "cause": event.cause,
                "forced": approval is not None and approval.forced,
                "received": len(seen),
                "partitions": partitions,
                "acts_from": min(seen) if seen else None,
                "acts_everywhere_from": max(seen) if len(seen) == partitions else None,
            }
        )
    return found


def _version(one: Version, kept: Kept, decided: Deployments) -> dict[str, Any]:
    stage = kept.stages.get(one.ref)
    uses = [
        *(("live", s.name) for s in decided.strategies if s.live == one.ref),
        *(("arm", s.name) for s in decided.strategies if s.experiment is not None and s.experiment.arm == one.ref),
        *(("shadow", s.name) for s in decided.strategies if one.ref in s.shadows),
    ]
    return {
        "model": str(one.ref),
        "name": one.name,
        "version": one.version,
        "family": one.family or "external",
        "strategy_type": one.strategy_type,
        "description": one.description,
        "feature_set": f"{one.feature_set}:{one.set_version}",
        "intervals": list(one.intervals),
        "horizon": one.horizon,
        "sha256": one.sha256,
        "registered_at": _ns(one.created_at),
        "data_from": _ns(one.data_from),
        "data_to": _ns(one.data_to),
        "trained_at": _ns(one.trained_at),
        "dataset": one.dataset_fingerprint,
        "git_sha": one.git_sha,
        "stage": "none" if stage is None else stage.stage,
        "uses": [{"role": role, "strategy": strategy} for role, strategy in uses],
        "metrics": kept.metrics.get(one.ref, {}),
    }


def _calls(one: Calls) -> dict[str, Any]:
    return {"role": one.role, "model": one.model, "calls": one.calls, "bars": one.bars, "rows": one.rows,
            "median_ms": one.median_ms, "p99_ms": one.p99_ms, "missed": one.missed, "kept_away": one.breaker_calls,
            "breaker_open_on": one.shut, "newest": _ns(one.newest)}  # fmt: skip


def _instance(one: ServingInstance) -> dict[str, Any]:
    return {"instance": one.instance, "host": one.host, "pid": one.pid, "partitions": list(one.partitions),
            "lives": one.lives, "silent_s": one.silent_s}  # fmt: skip


def _scopes(decided: Deployments) -> list[dict[str, Any]]:
    return [_scope(one) for one in decided.pauses]


def _scales(decided: Deployments) -> list[dict[str, Any]]:
    return [{**_scope(one), "scale": scale} for one, scale in decided.scales]


def _scope(one: Scope) -> dict[str, Any]:
    """``symbols``: the first ones by name, of ``symbol_count``."""
    return {"strategy": one.strategy, "symbols": sorted(one.symbols)[:_SYMBOLS], "symbol_count": len(one.symbols)}


def _ns(moment: datetime | None) -> int | None:
    return None if moment is None else to_nanoseconds(moment)
