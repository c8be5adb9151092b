"""Reads the facts of one session day; a part that can't be read becomes a problem in the report, not its end."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from infra.errors import OperatorError
from infra.scoring.registry import ModelRegistry
from infra.settings import Settings
from infra.warehouse.bar_quality import quality_report
from infra.warehouse.connection import Connection, Warehouse
from infra.warehouse.daily import DayDecision, day_alerts, day_decisions, day_metrics
from infra.warehouse.freshness import StoredState, stored_state
from infra.warehouse.model_stages import newest_stages
from infra.warehouse.moments import to_moment
from infra.warehouse.retraining import Cycle, cycles
from pipeline.deployments import ModelRef
from schemas.intervals import DAY, session_end
from signaltape.daily.facts import Facts, FeatureState, ModelState
from signaltape.promotion.history import Decisions, read_decisions
from signaltape.retraining.looking import baseline_of

METRICS = ("ic", "ic_mean_5", "psi", "sharpe_20", "pnl", "feature_psi", "feature_psi_max")
#: Calendar days that hold so many sessions.
_DAYS_A_SESSION = 1.6
_NAME = "signaltape-daily"
_SWAPS = ("activate", "rollback")
_Found = TypeVar("_Found")


def gather(settings: Settings, session: int, now: datetime) -> Facts:
    """Everything about a session day as it is known at ``now``.

    Decisions are those from the session's first moment until a day after its end. Raises WarehouseUnavailable, and
    WarehouseError before `signaltape init`.
    """
    end = session_end(session)
    start, later = end - DAY, end + DAY
    window = end - round(settings.daily.sessions * _DAYS_A_SESSION * DAY)
    problems: list[str] = []
    with Warehouse(settings, _NAME) as warehouse:
        metrics = warehouse.run(lambda connection: day_metrics(connection, METRICS, window, end))
        alerts = warehouse.run(lambda connection: day_alerts(connection, window, end))
        decided = warehouse.run(lambda connection: _decided(connection, settings.topics.prefix, start, later))
        state = _try(problems, "features", lambda: warehouse.run(lambda one: _fresh(one, settings)))
        marks = warehouse.run(lambda connection: quality_report(connection, after=start, until=end, examples=0))
        stages = warehouse.run(newest_stages)
    known = _try(problems, "models", lambda: read_decisions(settings))
    counted: Counter[str] = Counter()
    for line in marks:
        counted.update(line.marks)
    return Facts(
        session=session,
        made_at=now,
        features=() if state is None else _features(state),
        bars=sum(line.bars for line in marks),
        marks={kind: count for kind, count in sorted(counted.items()) if count},
        open_repairs=0 if state is None else state.open_repairs,
        models=() if known is None else _models(settings, known, {str(ref): one.stage for ref, one in stages.items()}),
        metrics=metrics,
        alerts=alerts,
        decisions=decided,
        problems=problems,
    )


def _try(problems: list[str], what: str, read: Callable[[], _Found]) -> _Found | None:
    try:
        return read()
    except OperatorError as error:
        problems.append(f"{what}: {error}")
        return None


def _fresh(connection: Connection, settings: Settings) -> StoredState | None:
    return stored_state(connection, settings.features.stale_after_s)


def _features(state: StoredState) -> list[FeatureState]:
    return [
        FeatureState(
            feature_set=f"{one.feature_set}:{one.set_version}", interval=one.interval, warm=one.warm,
            warming=one.warming, stale=one.stale, newest=one.newest,
        )
        for one in state.features
    ]  # fmt: skip


def _models(settings: Settings, known: Decisions, stages: dict[str, str]) -> list[ModelState]:
    registry, found = ModelRegistry(settings), []
    made = {ModelRef(name=row.name, version=row.version): row.created_at for row in registry.rows()}
    for name, line in sorted(known.successions.items()):
        if (live := line.live) is None:
            continue
        swap = next(one for one in reversed(known.events) if one.strategy == name and one.action in _SWAPS)
        metrics = registry.get_model(live.name, live.version).metrics if live in made else ()
        baseline = baseline_of(metrics)
        found.append(
            ModelState(
                strategy=name,
                live=str(live),
                since=to_moment(swap.issued_at),
                made_at=made.get(live),
                stage=stages.get(str(live), "none"),
                shadows=[str(one) for one in known.deployments.of(name).shadows],
                paused=any(one.strategy in ("", name) and not one.symbols for one in known.deployments.pauses),
                baseline=None if baseline is None else baseline.value,
            )
        )
    return found


def _decided(connection: Connection, prefix: str, start: int, until: int) -> Sequence[DayDecision]:
    found = day_decisions(connection, prefix, start, until)
    made = cycles(connection, after=to_moment(start), until=to_moment(until))
    return sorted([*found, *map(_of_cycle, made)], key=lambda one: (one.at.astimezone(UTC), one.kind))


def _of_cycle(one: Cycle) -> DayDecision:
    what = f"{one.status}: {one.outcome}" if one.outcome else one.status
    return DayDecision(
        at=one.started_at, kind="retraining", strategy=one.strategy, what=what, why=one.reason, by_whom=one.by_whom
    )
