"""One cycle for each strategy: look, decide, make a model if need be, and leave a record in any case."""

import os
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from infra.crash_points import reach
from infra.scoring.errors import ModelRefused
from infra.settings import Settings
from infra.warehouse.active_lock import ActiveLock
from infra.warehouse.connection import Connection, Warehouse
from infra.warehouse.retraining import (
    Cycle,
    NewCycle,
    abandon_running,
    add_cycle,
    cycles,
    end_cycle,
    enter_stage,
)
from infra.who import current_user
from pipeline.deployments import ModelRef
from signaltape.promotion.history import read_decisions
from signaltape.retraining.errors import CycleUnderWay, RetrainingError, StageStopped
from signaltape.retraining.looking import Look, look

_NAME = "signaltape-retraining"


def looks(settings: Settings, strategy: str = "", forced: str = "") -> list[Look]:
    """What each strategy's triggers say now; nothing is written. See ``run_cycles`` for what is raised."""
    return [look(settings, name, live, forced) for name, live in _live(settings, strategy)]


def run_cycles(
    settings: Settings, strategy: str = "", *, forced: str = "", say: Callable[[str], None] = lambda text: None
) -> list[Cycle]:
    """Run one cycle for a strategy, or for every one with a live model; the records, in the order of strategies.

    ``forced``: a reason, to make a model whatever the triggers say.

    1. The lock of cycles. 2. Records that dead processes left running are closed as ``abandoned``; their alerts fire
    again. 3. The look. 4. Its record: ``quiet``, ``held``, or ``running``. 5. The chain, see ``run_chain``; each stage
    is recorded as it begins. 6. The end: proposed, promoted, rejected (the new model is worse), or failed with the
    stage and why.

    A death at any place leaves the live model as it was, or promoted with its approval on record, and step 2 of the
    next start says where it happened. Raises CycleUnderWay, RetrainingError for a strategy without a live model,
    WarehouseUnavailable, TopicError.
    """
    with _one_at_a_time(settings) as lock, Warehouse(settings, _NAME) as warehouse:  # 1.
        for left in warehouse.run(abandon_running):  # 2.
            say(f"cycle {left} was left by a process that is gone: abandoned")
        live = _live(settings, strategy)
        if not live:
            return [_nothing_live(warehouse)]
        return [_cycle(settings, warehouse, lock, (name, ref, forced), say) for name, ref in live]


def _cycle(
    settings: Settings,
    warehouse: Warehouse,
    lock: ActiveLock,
    about: tuple[str, ModelRef, str],
    say: Callable[[str], None],
) -> Cycle:
    strategy, live, forced = about
    cycle_id = _new_id(strategy)
    try:
        found = look(settings, strategy, live, forced)  # 3.
    except ModelRefused as error:
        said = _record(warehouse, _begun(cycle_id, strategy, "running", "its live model can't be looked at", str(live)))
        return _ended(warehouse, said, "failed", f"stage look: {error}")
    action = found.decision.action
    new = NewCycle(
        cycle_id=cycle_id,
        strategy=strategy,
        status="running" if action == "run" else action,
        reason=found.decision.reason,
        forced=bool(forced),
        champion=str(live),
        triggers=found.triggers,
        by_whom=current_user(),
        worker=_worker(),
    )
    _record(warehouse, new)  # 4.
    say(f"{strategy}: {action}: {found.decision.reason}")
    if action != "run":
        return _read(warehouse, cycle_id)
    reach("retraining.1_recorded")

    def enter(stage: str, detail: Mapping[str, Any]) -> None:
        lock.check()  # who lost the lock may not go on: another one has begun
        warehouse.run(lambda connection: enter_stage(connection, cycle_id, stage, detail))

    try:
        # Most cycles only look, and hosts that only look need no training libraries.
        from signaltape.retraining.chain import run_chain

        made = run_chain(settings, cycle_id, found, enter, say)  # 5.
    except ImportError as error:
        missing = f"training needs the libraries of the extra `train` (pip install 'signaltape[train]'): {error}"
        return _ended(warehouse, cycle_id, "failed", missing)
    except StageStopped as stopped:
        status = "rejected" if stopped.rejected else "failed"
        return _ended(warehouse, cycle_id, status, f"stage {stopped.stage}: {stopped}")  # 6.
    except Exception as error:
        _ended(warehouse, cycle_id, "failed", f"{type(error).__name__}: {error}")
        raise
    return _ended(
        warehouse, cycle_id, made.status, made.outcome, challenger=str(made.challenger), detail=made.detail
    )  # 6.


@contextmanager
def _one_at_a_time(settings: Settings) -> Iterator[ActiveLock]:
    lock, taken = ActiveLock(settings, "retraining"), threading.Event()
    try:
        if not lock.acquire(taken, taken.set):
            raise CycleUnderWay("another process runs a retraining cycle: one at a time; see `signaltape retrain list`")
        yield lock
    finally:
        lock.release()


def _live(settings: Settings, strategy: str) -> list[tuple[str, ModelRef]]:
    known = {name: one.live for name, one in sorted(read_decisions(settings).successions.items()) if one.live}
    if strategy and strategy not in known:
        raise RetrainingError(
            f"strategy {strategy!r} has no live model to follow; with one are: {', '.join(known) or 'none'}"
        )
    return [(name, ref) for name, ref in known.items() if strategy in ("", name)]


def _nothing_live(warehouse: Warehouse) -> Cycle:
    cycle_id = _new_id("none")
    _record(warehouse, _begun(cycle_id, "", "quiet", "no strategy has a live model", ""))
    return _read(warehouse, cycle_id)


def _begun(cycle_id: str, strategy: str, status: str, reason: str, champion: str) -> NewCycle:
    return NewCycle(
        cycle_id=cycle_id,
        strategy=strategy,
        status=status,
        reason=reason,
        forced=False,
        champion=champion,
        triggers=(),
        by_whom=current_user(),
        worker=_worker(),
    )


def _record(warehouse: Warehouse, new: NewCycle) -> str:
    warehouse.run(lambda connection: add_cycle(connection, new))
    return new.cycle_id


def _ended(
    warehouse: Warehouse,
    cycle_id: str,
    status: str,
    outcome: str,
    *,
    challenger: str = "",
    detail: Mapping[str, Any] | None = None,
) -> Cycle:
    def end(connection: Connection) -> None:
        end_cycle(connection, cycle_id, status, outcome, challenger=challenger, detail=detail or {})

    warehouse.run(end)
    return _read(warehouse, cycle_id)


def _read(warehouse: Warehouse, cycle_id: str) -> Cycle:
    return warehouse.run(lambda connection: cycles(connection, cycle_id=cycle_id))[0]


def _new_id(strategy: str) -> str:
    return f"{strategy}-{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"


def _worker() -> str:
    return f"{os.uname().nodename}:{os.getpid()}"
