"""What tables and topics say of a change of model, read after it."""

from collections.abc import Mapping, Sequence
from typing import Any

from infra.broker.reading import read_topic
from infra.settings import Settings
from infra.warehouse import connect
from infra.warehouse.connection import Connection
from infra.warehouse.model_comparisons import newest_comparison
from infra.warehouse.model_stages import Approval, approvals
from infra.warehouse.moments import to_nanoseconds
from infra.warehouse.queries import queries
from infra.warehouse.shadow_report import ShadowLine, shadow_report
from pipeline.deployments import ModelRef
from schemas.codec import decode_any
from schemas.control import ControlEvent
from schemas.intervals import MINUTE
from schemas.signals import Notice
from schemas.topics import TopicNames
from signaltape.demo.parts import ModelChange
from signaltape.promotion.history import read_decisions
from signaltape.promotion.live_at import live_at
from signaltape.promotion.stages import approval_of

_NOTICE = b"signaltape.Notice"


def read_change(settings: Settings, change: ModelChange) -> dict[str, Any]:
    """Return the change as it was recorded.

    ``comparison``: the verdict that the promotion met. ``shadow``: the bars before it that both models answered.
    ``swaps``: promotion and rollback, each with ``received_s``, from its issue to its last notice in ``signals``.
    ``served``: spans of bars by partition, from ``predictions``. ``live_at``: the answers for a bar time before,
    between and after the swaps.
    """
    decisions = read_decisions(settings).events
    swaps = [one for one in decisions if one.strategy == change.strategy and approval_of(one)]
    arrivals = _arrivals(settings, swaps)
    with connect(settings, name="signaltape-report") as connection:
        given = approvals(connection, [approval_of(one) for one in swaps])
        decided = [_swap(one, arrivals[one.control_offset], given[approval_of(one)]) for one in swaps]
        return {
            "strategy": change.strategy,
            "comparison": _comparison(connection, swaps),
            "shadow": _shadow(connection, settings, change),
            "swaps": decided,
            "served": _served(connection, change.strategy),
            "live_at": [_live_at(settings, change.strategy, at) for at in _moments(change)],
        }


def _swap(event: ControlEvent, arrived: Mapping[int, int], approval: Approval) -> dict[str, Any]:
    last = max(arrived.values(), default=None)
    return {
        "action": event.action,
        "model": f"{event.model}:{event.model_version}",
        "replaces": approval.replaces,
        "effective_from": event.effective_from,
        "received_on": sorted(arrived),
        "received_s": None if last is None else round(last / 1e3 - event.issued_at / 1e9, 3),
        "forced": approval.forced,
        "reason": approval.reason,
        "gates": approval.verdict["gates"],
    }


def _arrivals(settings: Settings, events: Sequence[ControlEvent]) -> Mapping[int, dict[int, int]]:
    """Control offset → partition → time (ms UTC) of the first notice of it in ``signals``."""
    found: dict[int, dict[int, int]] = {one.control_offset: {} for one in events}
    for record in read_topic(settings, TopicNames(settings.topics.prefix).signals):
        headers = dict(record.headers)
        if headers.get("ce_type") != _NOTICE or record.value is None:
            continue
        notice = decode_any(record.value, (headers.get("content-type") or b"").decode())
        if isinstance(notice, Notice) and notice.control_offset in found:
            found[notice.control_offset].setdefault(record.partition, record.timestamp_ms)
    return found


def _comparison(connection: Connection, swaps: Sequence[ControlEvent]) -> dict[str, Any] | None:
    """The newest verdict on the promoted model against the one that it was rolled back to."""
    second, first = (ModelRef(name=one.model, version=one.model_version) for one in swaps)
    found = newest_comparison(connection, second, first)
    if found is None:
        return None
    return {"challenger": str(second), "champion": str(first), "source": found.source, "decision": found.decision,
            "rows": found.detail.get("rows"), "times": found.detail.get("times"), "reasons": found.detail["reasons"],
            }  # fmt: skip


def _shadow(connection: Connection, settings: Settings, change: ModelChange) -> dict[str, Any] | None:
    """The shadow's figures over the bars before the promotion."""
    span = {"after": change.shadow_from - MINUTE, "until": change.promote_from - MINUTE}
    lines = shadow_report(connection, change.strategy, **span, tolerance=settings.inference.shadow_tolerance)
    return _shadow_line(lines[0]) if lines else None


def _shadow_line(one: ShadowLine) -> dict[str, Any]:
    return {
        "shadow": one.shadow,
        "first": to_nanoseconds(one.first),
        "last": to_nanoseconds(one.last),
        "bars": one.bars,
        "live_rows": one.live_rows,
        "compared": one.compared,
        "compared_bars": one.compared_bars,
        "direction_differs": one.direction_differs,
        "direction_opposite": one.direction_opposite,
        "direction_rate": one.direction_rate,
    }


def _served(connection: Connection, strategy: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for partition, model, first, last, bars in connection.execute(
        queries("demo_figures")["served"], {"strategy": strategy}
    ):
        span = {"model": model, "first": to_nanoseconds(first), "last": to_nanoseconds(last), "bars": bars}
        found.setdefault(str(partition), []).append(span)
    return found


def _moments(change: ModelChange) -> tuple[int, int, int]:
    """A bar time while the second model shadows, one while it is live, one after the rollback; in the middle."""
    between = change.rollback_from - change.promote_from
    return (
        (change.shadow_from + change.promote_from) // 2,
        change.promote_from + between // 2,
        change.rollback_from + between // 4,
    )


def _live_at(settings: Settings, strategy: str, at: int) -> dict[str, Any]:
    """By model, the partitions that name it; ``final`` unless some have decisions that the store hasn't seen there."""
    live: dict[str, list[int]] = {}
    shadows: set[str] = set()
    answers = live_at(settings, at)
    for answer in answers:
        for one in answer.strategies:
            if one.name == strategy:
                live.setdefault(str(one.live), []).append(answer.partition)
                shadows.update(map(str, one.shadows))
    return {"at": at, "live": live, "shadows": sorted(shadows), "final": not any(one.waiting for one in answers)}
