"""What a round takes, and in which order it leaves."""

from collections import deque
from collections.abc import Callable
from typing import Any, cast

from consumers.inference.intake import Closed, Intake
from consumers.inference.restore import Owned
from infra.broker.reading import Record
from schemas.codec import encode
from schemas.intervals import SECOND
from tests.support.feature_chain import T0, Bench


def records(bench: Bench, bars: int) -> deque[Record]:
    parts = [part for at in range(bars) for part in bench.writer.bar(T0 + 10 * at * SECOND, {"A": (0.9, 0.8)})]
    return deque(Record("features", 0, at, 0, None, encode(part), ()) for at, part in enumerate(parts, start=1))


def intake(bench: Bench, clock: Callable[[], float]) -> Intake:
    return Intake(cast(Any, bench.models), cast(Any, None), clock)


def test_what_a_message_led_to_is_sent_before_the_next_one_is_scored() -> None:
    bench = Bench()
    bench.activate()
    waiting, owned = records(bench, 3), {0: Owned(bench.inference, -1)}
    seen: list[tuple[int, int]] = []

    def send(closed: Closed) -> None:
        seen.append((closed.position[0], owned[0].inference.standing.seq))

    taken = intake(bench, lambda: 0.0).take(waiting, owned, send)
    assert [seq for _, seq in seen] == [2, 3, 4]  # the notice of the activation was the first
    assert [closed.position[0] for closed in taken.closed] == [position for position, _ in seen]
    assert taken.batches == {0: 3}
    assert not waiting


def test_slow_models_end_a_round_early_and_the_next_one_goes_on() -> None:
    bench = Bench()
    bench.activate()
    waiting, owned = records(bench, 5), {0: Owned(bench.inference, -1)}
    now = iter(range(1_000))
    slow = intake(bench, lambda: float(next(now)))  # one second between two looks at the clock
    sizes = []
    while waiting:
        taken = slow.take(waiting, owned, lambda closed: None)
        sizes.append(taken.batches[0])
    assert sum(sizes) == 5
    assert len(sizes) == 5
