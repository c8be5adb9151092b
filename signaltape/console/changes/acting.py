"""Making a change: what the commands call, with the picture that it rests on, and what came of it in words."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from infra.settings import Settings
from infra.warehouse.moments import to_moment
from signaltape.client.control import new_event
from signaltape.console.changes.asked import ChangeRequest
from signaltape.promotion.swaps import SwapOptions, Swapped, promote, rollback
from signaltape.rollout import Activation, issue_and_wait
from signaltape.rollout.strategies import require_known
from signaltape.rollout.words import scope_words


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """A change that every partition has received. ``effective``: partition → bar time from which it acts there."""

    text: str
    event_id: str
    control_offset: int
    effective: dict[str, int]
    late: tuple[int, ...]
    forced: bool
    meanwhile: tuple[str, ...]


def act(settings: Settings, asked: ChangeRequest, by_whom: str, end: float) -> Done:
    """Make the change; ``end`` (``time.monotonic``) is when its arrival is given up.

    Raises StateChanged where others decided since the picture was made, GateClosed, what ``promote``, ``rollback`` and
    ``issue_and_wait`` raise: nothing was written, but for NotReceived and RefusedByInference.
    """
    change = asked.change
    if change.action in ("promote", "rollback"):
        return _swapped(settings, asked, by_whom, end)
    require_known(settings, change.strategy)
    event = new_event(
        change.action, strategy=change.strategy, symbols=tuple(change.symbols), reason=asked.reason,
        parameters={} if change.scale is None else {"scale": change.scale},
    )  # fmt: skip
    done = issue_and_wait(
        settings, replace(event, issued_by=by_whom), deadline_s=_left(end), seen=change.seen(asked.seen)
    )
    whom = scope_words(change.strategy, change.symbols)
    what = {"pause": f"Signals of {whom} are stopped", "resume": f"Signals of {whom} go out"}.get(
        change.action, f"Positions of {whom} are scaled by {change.scale or 0:g}"
    )
    return _done(done, what, forced=False)


def _swapped(settings: Settings, asked: ChangeRequest, by_whom: str, end: float) -> Done:
    change = asked.change
    options = SwapOptions(
        reason=asked.reason,
        force=bool(asked.forces),
        forces=frozenset(asked.forces),
        # Lock, preparation and arrival each have a third, so that all of them end before the caller is gone.
        deadline_s=_left(end) / 3,
        by_whom=by_whom,
        seen=change.seen(asked.seen),
    )
    if change.action == "rollback":
        return _of_swap(rollback(settings, change.strategy, change.ref, options))
    assert change.ref is not None
    return _of_swap(promote(settings, change.ref, change.strategy, options))


def _of_swap(done: Swapped) -> Done:
    place = "" if done.replaced is None else f" in the place of {done.replaced}"
    return _done(done.activation, f"{done.ref} is live for {scope_words(done.strategy, ())}{place}", forced=done.forced)


def _done(done: Activation, what: str, *, forced: bool) -> Done:
    received = f"received by all {len(done.effective)} partitions"
    past = " It went past closed gates, which is recorded." if forced else ""
    return Done(
        text=f"{what}, {_when(done)}; {received}.{past}{_meanwhile(done.meanwhile)}",
        event_id=done.event.event_id,
        control_offset=done.event.control_offset,
        effective={str(number): at for number, at in done.effective.items()},
        late=done.late,
        forced=forced,
        meanwhile=done.meanwhile,
    )


def _when(done: Activation) -> str:
    if done.late:
        first, last = min(done.effective.values()), max(done.effective.values())
        late = ", ".join(map(str, done.late))
        return (
            f"from bars after {_bar(first)} to {_bar(last)} on, by partition: {late} had passed the bar that "
            "was asked for"
        )
    start = done.event.effective_from
    return f"from bars after {_bar(start)} on" if start else "from the first bar on"


def _bar(effective: int) -> str:
    """The bar time that something acts after: times of effect lie a nanosecond beyond one."""
    return f"{to_moment(effective - 1):%Y-%m-%d %H:%M:%S} UTC"


def _meanwhile(lines: Sequence[str]) -> str:
    return f" At the same moment others decided, and that stands before it: {'; '.join(lines)}." if lines else ""


def _left(end: float) -> float:
    return max(1.0, end - time.monotonic())
