"""What a change will do, in words, before it is made: the same reads and gates as the change, nothing written."""

from collections.abc import Sequence
from dataclasses import dataclass

from consumers.inference.restore import control_events
from infra.broker.admin import low_high_offsets
from infra.errors import OperatorError
from infra.scoring.registry import ModelRegistry
from infra.settings import Settings
from infra.warehouse import serving
from infra.warehouse.connection import Warehouse
from pipeline.deployments import Deployments, ModelRef, Scope, fold
from pipeline.succession import order_of_effect, successions
from schemas.topics import TopicNames
from signaltape.console.changes.asked import Change
from signaltape.promotion.evidence import all_gates
from signaltape.promotion.gates import Gate
from signaltape.promotion.history import Decisions, read_decisions
from signaltape.promotion.swaps import rollback_target
from signaltape.rollout.words import plain, scope_words


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """``seen``: control offset of the newest event that this rests on. ``lines``: what happens, a sentence each.

    ``gates``: of a promotion; a closed one must be passed by force. ``impossible``: why it would be refused, "" if
    not. ``danger``: signals change or stop.
    """

    title: str
    verb: str
    seen: int
    lines: tuple[str, ...]
    gates: tuple[Gate, ...] = ()
    impossible: str = ""
    danger: bool = True


def effect_of(settings: Settings, change: Change) -> Effect:
    """Tell what ``change`` would do now. Raises OperatorError where Kafka, or for a swap Postgres, is away."""
    if change.action == "promote":
        return _promotion(settings, change)
    if change.action == "rollback":
        return _rollback(settings, change)
    return _router_change(settings, change)


def _promotion(settings: Settings, change: Change) -> Effect:
    ref, strategy = change.ref, change.strategy
    assert ref is not None
    decisions = read_decisions(settings)
    champion = decisions.of(strategy).live
    gates: tuple[Gate, ...] = ()
    impossible = ""
    try:
        if champion == ref:
            impossible = f"{ref} is what is live for {scope_words(strategy, ())} already, or will be at its bar."
        else:
            gates = all_gates(settings, ref, strategy, champion, settings.promotion.shadow_bars, record=False)
            impossible = _never_asked(settings, ref)
    except OperatorError as error:
        impossible = str(error)
    lines = [
        f"{ref} takes the place of {champion} in {scope_words(strategy, ())}"
        if champion is not None
        else f"{ref} becomes the first live model of {scope_words(strategy, ())}, which has made no signals so far"
    ]
    return Effect(
        title=f"Promote {ref}",
        verb=f"Promote {ref}",
        seen=_newest(decisions),
        lines=(f"{lines[0]}: {_from_next_bar(settings)}.", *_swap_lines(settings, decisions, strategy, ref)),
        gates=gates,
        impossible=impossible,
    )


def _rollback(settings: Settings, change: Change) -> Effect:
    strategy = change.strategy
    decisions = read_decisions(settings)
    seen, live = _newest(decisions), decisions.of(strategy).live
    try:
        target = rollback_target(decisions, strategy, change.ref)
        ModelRegistry(settings).get(target.name, target.version)
    except OperatorError as error:
        title = f"Roll back {scope_words(strategy, ())}"
        return Effect(title=title, verb="Roll back", seen=seen, lines=(), impossible=str(error))
    return Effect(
        title=f"Roll back {scope_words(strategy, ())} to {target}",
        verb=f"Roll back to {target}",
        seen=seen,
        lines=(
            f"{target} takes the place of {live} in {scope_words(strategy, ())}: {_from_next_bar(settings)}.",
            "It has served before, so no gate is asked: only its files are checked.",
            *_swap_lines(settings, decisions, strategy, target),
        ),
    )


def _swap_lines(settings: Settings, decisions: Decisions, strategy: str, ref: ModelRef) -> Sequence[str]:
    now = decisions.deployments.of(strategy)
    with Warehouse(settings, "signaltape-console") as warehouse:
        known = warehouse.run(lambda connection: serving.instances(connection, settings.topics.prefix))
    lives = sum(one.lives for one in known)
    lines = [_loading(lives)]
    lines += _feature_set_line(settings, now.live, ref)
    if now.experiment is not None:
        lines.append(f"Experiment {now.experiment.name} ends at the same bar; {ref} then serves every symbol.")
    if ref in now.shadows:
        lines.append(f"{ref} is a shadow of the strategy now, and ends being one.")
    if decisions.deployments.paused(strategy, ("",)).any():
        lines.append("The strategy is paused: it makes no signals until it is resumed, whichever model is live.")
    if any(scope.strategy in ("", strategy) for scope, _ in decisions.deployments.scales):
        lines.append("The position scale that was set stays as it is.")
    return lines


def _loading(lives: int) -> str:
    if not lives:
        return "No inference instance runs at the moment: the change will be refused until one does."
    if lives == 1:
        return "First the inference instance that runs must load and check it; if it can't, nothing changes."
    return f"First all {lives} inference instances that run must load and check it; if one can't, nothing changes."


def _feature_set_line(settings: Settings, live: ModelRef | None, ref: ModelRef) -> Sequence[str]:
    """Say so where the models read different features, or look at another horizon."""
    if live is None:
        return ()
    registry = ModelRegistry(settings)
    try:
        old, new = registry.get(live.name, live.version), registry.get(ref.name, ref.version)
    except OperatorError:
        return ()
    same = (old.feature_set, old.set_version) == (new.feature_set, new.set_version)
    lines = [
        f"Both read feature set {new.feature_set}:{new.set_version}."
        if same
        else f"It reads feature set {new.feature_set}:{new.set_version}, not {old.feature_set}:{old.set_version}."
    ]
    if old.horizon != new.horizon:
        lines.append(f"Its scores are for {new.horizon} bars ahead, those of {live} for {old.horizon}.")
    if missing := sorted(set(old.intervals) - set(new.intervals)):
        lines.append(f"It does not predict on {', '.join(missing)}, as {live} does: no signals there any more.")
    return lines


def _never_asked(settings: Settings, ref: ModelRef) -> str:
    wanted = ModelRegistry(settings).get(ref.name, ref.version).feature_set
    if wanted in settings.engine.feature_sets:
        return ""
    return f"{ref} predicts from feature set {wanted}, which the setting engine.feature_sets leaves out."


def _router_change(settings: Settings, change: Change) -> Effect:
    """A pause, a resume or a scale: from ``control`` alone, so that it can be told while Postgres is away."""
    topic = TopicNames(settings.topics.prefix).control
    events = order_of_effect(control_events(settings, low_high_offsets(settings, topic)[0][1] - 1), {})
    seen = max((one.control_offset for one in events), default=-1)
    now, known = fold(events), sorted(successions(events))
    whom = scope_words(change.strategy, change.symbols)
    scope = Scope(strategy=change.strategy, symbols=frozenset(change.symbols))
    impossible, names = "", ", ".join(map(plain, known)) or "none"
    if change.strategy and change.strategy not in known:
        impossible = f"No model was ever deployed as strategy {plain(change.strategy)}; there are: {names}."
    where = _from_next_bar(settings)
    if change.action == "pause":
        lines = [f"Signals of {whom} stop: {where}.", *_held(now, scope)]
        lines.append("Predictions go on, gateways are told by a notice. No position is closed by this.")
        return Effect(title=f"Pause {whom}", verb="Pause", seen=seen, lines=tuple(lines), impossible=impossible)
    if change.action == "resume":
        lifted = [held for held in now.pauses if scope.covers(held)]
        lines = [f"Signals of {whom} go out again: {where}.", *(f"Lifted: the pause of {_of(one)}." for one in lifted)]
        lines += [f"Stays: the pause of {_of(one)}." for one in now.pauses if one not in lifted]
        if not lifted and not impossible:
            impossible = f"Nothing that is paused lies wholly within {whom}."
        return Effect(title=f"Resume {whom}", verb="Resume", seen=seen, lines=tuple(lines), impossible=impossible)
    assert change.scale is not None
    before = [f"{_of(held)}: {factor:g}" for held, factor in now.scales if scope.covers(held) or held.covers(scope)]
    lines = [
        f"Positions of {whom} are scaled by {change.scale:g}: {where}.",
        f"Until now: {'; '.join(before) or 'full positions, 1'}.",
        *(["At 0 the direction is still sent, with no position behind it."] if not change.scale else []),
    ]
    return Effect(title=f"Scale positions of {whom}", verb=f"Scale to {change.scale:g}", seen=seen, lines=tuple(lines),
                  impossible=impossible)  # fmt: skip


def _held(now: Deployments, scope: Scope) -> Sequence[str]:
    covering = [held for held in now.pauses if held.covers(scope)]
    return [f"The pause of {_of(one)} holds already." for one in covering[:1]]


def _of(scope: Scope) -> str:
    return scope_words(scope.strategy, scope.symbols)


def _newest(decisions: Decisions) -> int:
    return max((one.control_offset for one in decisions.events), default=-1)


def _from_next_bar(settings: Settings) -> str:
    partitions = settings.topics.partitions
    return f"from the next bar on, on {f'all {partitions} partitions' if partitions > 1 else 'the one partition'}"
