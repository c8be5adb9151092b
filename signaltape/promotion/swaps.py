"""Promotion and rollback: gates, preparation, approval, the control event, the record; in this order."""

import secrets
from dataclasses import dataclass

from infra.crash_points import reach
from infra.settings import Settings
from infra.warehouse.connection import Warehouse
from infra.warehouse.model_stages import Approval, add_approval
from infra.who import current_user
from pipeline.deployments import ModelRef
from signaltape.promotion.deciding import deciding
from signaltape.promotion.errors import DecisionRefused, NothingToRollBackTo
from signaltape.promotion.evidence import all_gates
from signaltape.promotion.gates import Gate, document, pass_through
from signaltape.promotion.history import Decisions, read_decisions
from signaltape.promotion.stages import cause_of, fill_in
from signaltape.rollout import Activation, InstanceReadiness, NotReceived, Seen, activate, prepare


@dataclass(frozen=True, kw_only=True, slots=True)
class SwapOptions:
    """``effective_from``: bar time (ns UTC) of the swap, 0 for the next bar of the whole log. ``reason`` is recorded.

    ``forces``: names of the gates that ``force`` passes, None for all. ``shadow_bars``: None takes the setting.
    ``deadline_s`` for each of: lock, preparation, arrival. ``by_whom``: by default the user of this process.
    ``seen``: what the decision rests on; the swap is refused where others decided since.
    """

    effective_from: int = 0
    reason: str = ""
    force: bool = False
    forces: frozenset[str] | None = None
    shadow_bars: int | None = None
    deadline_s: float = 30.0
    by_whom: str = ""
    seen: Seen | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Swapped:
    """What was done: ``ref`` took the place of ``replaced`` (None: there was none) on every partition."""

    ref: ModelRef
    strategy: str
    replaced: ModelRef | None
    gates: tuple[Gate, ...]
    forced: bool
    instances: tuple[InstanceReadiness, ...]
    activation: Activation


def promote(settings: Settings, ref: ModelRef, strategy: str, options: SwapOptions) -> Swapped:
    """Put ``ref`` in the place of the strategy's live model.

    1. The lock of decisions. 2. What was decided so far, from ``control``; stages that a dead process left out are
    recorded. 3. The files are loaded and checked as a serving host does, then the gates are asked; see ``gates``.
    4. Every inference instance prepares the model. 5. The approval is recorded. 6. The control event, which names the
    approval, is written and seen to arrive. 7. The stages are recorded.

    A death before 6 leaves nothing in force, at most an approval that nothing names. After 6 the swap takes place,
    and 7 is made up for by the next decision or `models stages`. Raises GateClosed, DecisionRefused, UnknownModel and
    other ModelRefused, PreparationFailed, EffectiveFromPassed, SameBar, StateChanged with nothing in force;
    NotReceived after 6.
    """
    with deciding(settings, options.deadline_s):  # 1.
        decisions = _decisions(settings, options)  # 2.
        fill_in(settings, decisions.events)
        champion = decisions.of(strategy).live
        if champion == ref:
            raise DecisionRefused(f"{ref} is what is live for strategy {strategy} already, or will be at its bar")
        wanted = settings.promotion.shadow_bars if options.shadow_bars is None else options.shadow_bars
        gates = all_gates(settings, ref, strategy, champion, wanted)  # 3.
        forced = pass_through(ref, gates, force=options.force, reason=options.reason, forces=options.forces)
        return _swap(settings, _Plan(ref, strategy, champion, "promote", gates, forced), options)


def rollback(settings: Settings, strategy: str, to: ModelRef | None, options: SwapOptions) -> Swapped:
    """Go back to ``to``, which was live for the strategy before; by default to the live model's predecessor.

    The steps are those of ``promote`` without gates: the model has served before. Raises NothingToRollBackTo, and what
    ``promote`` raises.
    """
    with deciding(settings, options.deadline_s):
        decisions = _decisions(settings, options)
        fill_in(settings, decisions.events)
        target = rollback_target(decisions, strategy, to)
        return _swap(settings, _Plan(target, strategy, decisions.of(strategy).live, "rollback", (), False), options)


def rollback_target(decisions: Decisions, strategy: str, to: ModelRef | None) -> ModelRef:
    """The model that a rollback, to ``to`` or to the predecessor, puts in force. Raises NothingToRollBackTo."""
    line = decisions.of(strategy)
    if line.live is None:
        known = ", ".join(sorted(decisions.successions)) or "none"
        raise NothingToRollBackTo(f"no model was ever live for strategy {strategy!r}; there are: {known}")
    target = line.predecessor if to is None else to
    if target is None:
        raise NothingToRollBackTo(
            f"strategy {strategy}: nothing to roll back to, {line.live} is its first model. "
            f"`signaltape pause --strategy {strategy}` stops its signals"
        )
    if target == line.live:
        raise NothingToRollBackTo(f"strategy {strategy}: {target} is live already, or will be at its bar")
    if target not in line.history:
        raise NothingToRollBackTo(f"{target} was never live for strategy {strategy}: promote it")
    return target


def _decisions(settings: Settings, options: SwapOptions) -> Decisions:
    """Step 2. Raises StateChanged: what is to be decided rests on an older picture."""
    decisions = read_decisions(settings)
    if options.seen is not None:
        options.seen.refuse_changed(decisions.events)
    return decisions


@dataclass(frozen=True, slots=True)
class _Plan:
    ref: ModelRef
    strategy: str
    replaced: ModelRef | None
    action: str
    gates: tuple[Gate, ...]
    forced: bool


def _swap(settings: Settings, plan: _Plan, options: SwapOptions) -> Swapped:
    """Steps 4 to 7."""
    instances = prepare(settings, plan.ref, deadline_s=options.deadline_s)  # 4.
    approval = Approval(
        approval_id=secrets.token_hex(8),
        action=plan.action,
        strategy=plan.strategy,
        ref=plan.ref,
        replaces="" if plan.replaced is None else str(plan.replaced),
        forced=plan.forced,
        reason=options.reason,
        verdict=document(plan.gates),
        by_whom=options.by_whom or current_user(),
    )
    with Warehouse(settings, "signaltape-approval") as warehouse:
        warehouse.run(lambda connection: add_approval(connection, approval))  # 5.
    reach("promotion.5_approved")
    try:
        done = activate(  # 6.
            settings,
            action="activate" if plan.action == "promote" else "rollback",
            strategy=plan.strategy,
            ref=plan.ref,
            effective_from=options.effective_from,
            reason=options.reason or "; ".join(f"{one.name}: {one.detail}" for one in plan.gates),
            cause=cause_of(approval.approval_id),
            deadline_s=options.deadline_s,
            by_whom=options.by_whom,
            seen=options.seen,
        )
    except NotReceived:
        fill_in(settings, read_decisions(settings).events)
        raise
    reach("promotion.6_in_force")
    fill_in(settings, read_decisions(settings).events)  # 7.
    return Swapped(
        ref=plan.ref,
        strategy=plan.strategy,
        replaced=plan.replaced,
        gates=plan.gates,
        forced=plan.forced,
        instances=instances,
        activation=done,
    )
