"""Second step of a promotion, and the only one of every other decision: a control event, seen to arrive."""

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from consumers.inference.commit_metadata import CommitMetadata
from consumers.inference.heads import committed_heads, log_heads, standings
from consumers.inference.restore import control_events
from infra.broker.admin import low_high_offsets
from infra.broker.errors import ReadingLate
from infra.broker.single import publish_one
from infra.settings import Settings
from infra.warehouse.active_lock import ActiveLock
from pipeline.control_checks import refusal
from pipeline.deployments import ModelRef
from schemas.codec import encode
from schemas.control import ControlEvent, control_fault
from schemas.headers import event_headers
from schemas.topics import TopicNames
from signaltape.client.control import new_event
from signaltape.rollout.arrival import Arrivals
from signaltape.rollout.errors import EffectiveFromPassed, EventRefused, RolloutBusy, SameBar, StateChanged
from signaltape.rollout.seen import Seen

_SWAPS = ("activate", "rollback")
#: How long an event that is no swap, a pause above all, waits for a look at the bars that are on their way.
_LOOK_S = 2.0
#: Of two decisions of this process one is checked and written before the other is checked.
_WRITING = threading.Lock()


@dataclass(frozen=True, kw_only=True, slots=True)
class Activation:
    """An event that every partition has received.

    ``effective``: partition → bar time (ns UTC) from which it acts there, 0: from the first bar on. ``late``: the
    partitions that had passed the time asked for, and act later; that was alerted. ``meanwhile``: what others decided
    between the look at ``control`` and the event, in words; only known of a decision that says what it has seen.
    """

    event: ControlEvent
    effective: Mapping[int, int]
    late: tuple[int, ...]
    meanwhile: tuple[str, ...] = ()


def activate(
    settings: Settings,
    *,
    action: str,
    strategy: str,
    ref: ModelRef,
    effective_from: int = 0,
    reason: str,
    cause: str = "",
    deadline_s: float = 30.0,
    by_whom: str = "",
    seen: Seen | None = None,
) -> Activation:
    """Put a model in force for a strategy: ``action`` is ``activate``, ``rollback`` or ``shadow``.

    ``effective_from`` (ns UTC) 0 means: just beyond the newest bar of the whole log. ``by_whom``: by default the user
    of this process. See ``issue_and_wait``.
    """
    event = new_event(
        action,
        strategy=strategy,
        model=ref.name,
        model_version=ref.version,
        effective_from=effective_from,
        reason=reason,
        cause=cause,
    )
    event = replace(event, issued_by=by_whom or event.issued_by)
    return issue_and_wait(settings, event, deadline_s=deadline_s, seen=seen)


def issue_and_wait(
    settings: Settings, event: ControlEvent, *, deadline_s: float = 30.0, seen: Seen | None = None
) -> Activation:
    """Write one control event and return when every partition shows that it received it.

    1. What can't be obeyed is refused.
    2. One swap at a time: the lock is held until the event is written, so that what is checked next still holds.
       Other decisions take no lock: a pause needs no Postgres.
    3. Its time: if it names none, one nanosecond after the highest bar time on any partition. One that has passed is
       refused, and a second promotion of one strategy for the same bar. Bars on their way that can't be read in time
       keep a swap from being written; anything else is written all the same, and acts from what is committed on: a
       partition that is ahead of that obeys it from its next bar, as late.
    4. The ends of ``signals`` are noted.
    5. With ``seen``: what was decided since is refused. The event is written to ``control``: from here on it acts,
       whatever becomes of this process.
    6. Wait for each partition's notice.

    Raises EventRefused, EffectiveFromPassed, SameBar, StateChanged, RolloutBusy with nothing written; PublishError
    where it is not known whether 5 happened; with the event written, NotReceived after ``deadline_s``, naming the
    partitions that are missing, or RefusedByInference.
    """
    if why := control_fault(event) or refusal(event):  # 1.
        raise EventRefused(f"this {event.action} event can't be issued: {why}")
    end = time.monotonic() + deadline_s
    lock = ActiveLock(settings, "rollout")
    if event.action in _SWAPS and not _acquire(lock, deadline_s):  # 2.
        raise RolloutBusy(f"another promotion has been under way for {deadline_s:g} s; nothing was written, try again")
    try:
        timed = _timed(settings, event, end)  # 3.
        with Arrivals(settings) as arrivals:  # 4.
            written, meanwhile = _write_if_unchanged(settings, timed, seen)  # 5.
            lock.release()
            found = arrivals.wait(written, end)  # 6.
    finally:
        lock.release()
    late = tuple(number for number, at in found.items() if at > max(written.effective_from, 0) > 0)
    return Activation(event=written, effective=found, late=late, meanwhile=meanwhile)


def _acquire(lock: ActiveLock, deadline_s: float) -> bool:
    given_up = threading.Event()
    timer = threading.Timer(deadline_s, given_up.set)
    timer.start()
    try:
        return lock.acquire(given_up)
    finally:
        timer.cancel()


def _heads(
    settings: Settings, event: ControlEvent, standing: Mapping[int, CommitMetadata], end: float
) -> dict[int, int | None]:
    swap = event.action in _SWAPS
    try:
        return log_heads(settings, standing, until=end if swap else min(end, time.monotonic() + _LOOK_S))
    except ReadingLate as error:
        if swap:
            raise RolloutBusy(f"{error}: nothing was written, try again") from error
        return committed_heads(standing)


def _timed(settings: Settings, event: ControlEvent, end: float) -> ControlEvent:
    """Return the event with the bar time from which it acts."""
    standing = standings(settings)
    heads = _heads(settings, event, standing, end)
    known = {number: head for number, head in heads.items() if head is not None}
    highest = max(known.values(), default=0)
    if event.effective_from and event.effective_from <= highest:
        passed = sorted(number for number, head in known.items() if event.effective_from <= head)
        raise EffectiveFromPassed(
            f"effective_from {event.effective_from} lies behind bars that are there already (partitions {passed}, the "
            f"newest closed at {highest}): nothing was written. Give a later time, or none for the next bar"
        )
    timed = event if event.effective_from or not known else replace(event, effective_from=highest + 1)
    if event.action == "activate":
        kept: dict[int, int] = {}
        for one in standing.values():
            for offset, effective in one.kept:
                kept[offset] = max(effective, kept.get(offset, 0))
        _refuse_second(settings, timed, kept)
    return timed


def _refuse_second(settings: Settings, event: ControlEvent, kept: Mapping[int, int]) -> None:
    """Raise SameBar if the strategy's last swap that acts from the event's bar is a promotion too.

    ``kept``: control offset → latest bar time from which a received event acts on any partition.
    """
    end = low_high_offsets(settings, TopicNames(settings.topics.prefix).control)[0][1]
    first = _last_swap(control_events(settings, end - 1), event, kept)
    if first is not None and first.action == "activate":
        raise SameBar(
            f"strategy {event.strategy}: {first.model}:{first.model_version} is already promoted for this very bar "
            f"({event.effective_from or 'the first one'}, control event {first.control_offset}) and none has come "
            "since: nothing was written. Roll it back, or give a later time"
        )


def _last_swap(events: Iterable[ControlEvent], event: ControlEvent, kept: Mapping[int, int]) -> ControlEvent | None:
    """Return the newest swap of the event's strategy that acts from the event's bar; what can't be obeyed is none."""
    found = None
    for held in events:
        if held.action not in _SWAPS or held.strategy != event.strategy or refusal(held):
            continue
        if max(held.effective_from, kept.get(held.control_offset, 0)) == event.effective_from:
            found = held
    return found


def _write_if_unchanged(
    settings: Settings, event: ControlEvent, seen: Seen | None
) -> tuple[ControlEvent, tuple[str, ...]]:
    """Return the event with its offset, and what others wrote between the check and it. Raises StateChanged."""
    if seen is None:
        return _write(settings, event), ()
    topic = TopicNames(settings.topics.prefix).control
    with _WRITING:
        end = low_high_offsets(settings, topic)[0][1]
        if seen.offset >= end:
            raise StateChanged((f"{topic} was made anew: it ends before event {seen.offset}, which was seen",))
        seen.refuse_changed(control_events(settings, end - 1))
        written = _write(settings, event)
    if written.control_offset <= end:
        return written, ()
    return written, replace(seen, offset=end - 1).changed(control_events(settings, written.control_offset - 1))


def _write(settings: Settings, event: ControlEvent) -> ControlEvent:
    """Return the event with its offset."""
    headers = event_headers(event.TYPE, event.event_id, "control", event.issued_at)
    topic = TopicNames(settings.topics.prefix).control
    offset = publish_one(settings, topic, encode(event), key=event.strategy.encode(), headers=headers)
    return replace(event, control_offset=offset)
