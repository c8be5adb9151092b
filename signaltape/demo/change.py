"""A change of model in the middle of a session: a shadow, its promotion, the way back; each from a named bar on."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from infra.errors import OperatorError
from infra.settings import Settings
from pipeline.deployments import ModelRef
from signaltape.comparison import compare_models, of_live
from signaltape.demo.live import Act, Idle
from signaltape.demo.parts import ModelChange
from signaltape.promotion.errors import GateClosed
from signaltape.promotion.history import read_decisions
from signaltape.promotion.swaps import SwapOptions, promote, rollback
from signaltape.shadowing import start_shadow

FORCED = "demonstration of a swap, to be rolled back"
SHADOWED = "to be compared with the first model"
BACK = "end of the demonstration: back to the first model"


def acts_of(settings: Settings, change: ModelChange, second: ModelRef, drain: Callable[[Idle], None]) -> Sequence[Act]:
    """The three commands, each before the first bar that it concerns is published.

    The feed holds that bar until everything before it has flowed through (``drain``) and the command has returned: at
    thirty bars a second it would pass any lead, and the event would wait behind whatever is queued.
    """

    def shadow() -> None:
        start_shadow(settings, change.strategy, second, effective_from=change.shadow_from, reason=SHADOWED)

    def forth() -> None:
        _promote(settings, change, second)

    def back() -> None:
        rollback(settings, change.strategy, None, SwapOptions(effective_from=change.rollback_from, reason=BACK))

    def held(before: int, name: str, command: Callable[[], None]) -> Act:
        def do(idle: Idle) -> None:
            drain(idle)
            command()

        return Act(before=before, name=name, do=do)

    return (
        held(change.shadow_from, f"{second} becomes a shadow", shadow),
        held(change.promote_from, f"{second} is compared and promoted", forth),
        held(change.rollback_from, f"{change.strategy} is rolled back", back),
    )


def _promote(settings: Settings, change: ModelChange, second: ModelRef) -> None:
    """Promote through all gates; where one is closed, with force and a reason, which is recorded and shown.

    1. Both models are compared over the bars that both have answered; the verdict is recorded. 2. The promotion.
    """
    first = read_decisions(settings).of(change.strategy).live
    if first is None:
        raise OperatorError(f"no model is live for strategy {change.strategy}; see the ingest's log")
    compare_models(settings, second, first, of_live(settings, second, first), change.strategy)  # 1.
    options = SwapOptions(effective_from=change.promote_from, shadow_bars=change.shadow_bars)
    try:
        promote(settings, second, change.strategy, options)  # 2.
    except GateClosed:
        promote(settings, second, change.strategy, replace(options, force=True, reason=FORCED))
