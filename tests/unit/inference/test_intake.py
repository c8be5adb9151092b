"""What a round takes, and in which order it leaves."""

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest
from prometheus_client import REGISTRY

from consumers.inference.intake import Closed, Intake
from consumers.inference.report import RoundReport
from consumers.inference.restore import Owned
from infra.broker.reading import Record
from infra.telemetry.health import Health
from schemas.codec import encode
from schemas.headers import written_headers
from schemas.intervals import SECOND
from schemas.signal_columns import SignalColumns
from tests.support.feature_chain import T0, Bench


def records(bench: Bench, bars: int) -> deque[Record]:
    scores = [(0.9, -0.9)[at % 2] for at in range(bars)]  # each turns the direction: a signal every time
    parts = [part for at in range(bars) for part in bench.writer.bar(T0 + 10 * at * SECOND, {"A": (scores[at], 0.8)})]
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


def test_the_time_from_bar_to_signal_is_observed_once_a_message_that_led_to_signals() -> None:
    bench = Bench()
    bench.activate()
    waiting, owned = records(bench, 4), {0: Owned(bench.inference, -1)}
    now_ms = time.time_ns() // 1_000_000
    told = [written_headers(now_ms - 2_000), [], written_headers(now_ms - 4_000), written_headers(now_ms + 9_000)]
    waiting = deque(replace(one, headers=tuple(headers)) for one, headers in zip(waiting, told, strict=True))

    def observed(part: str) -> float:
        return REGISTRY.get_sample_value(f"signaltape_bar_to_signal_seconds_{part}") or 0.0

    count, seconds = observed("count"), observed("sum")
    taken = intake(bench, lambda: 0.0).take(waiting, owned, lambda closed: None)
    with_signals = [one.bars_ms for one in taken.closed if isinstance(one.output.signals, SignalColumns)]
    assert len(with_signals) == 4
    report = RoundReport(Health(), "features")
    report.committed(replace(taken, batches=Counter()), owned, cast(Any, None), 0.1)
    known = [one for one in with_signals if one is not None]
    assert observed("count") - count == len(known)
    wanted = sum(max(now_ms - one, 0) / 1_000 for one in known)  # a clock that is ahead counts as none
    assert observed("sum") - seconds == pytest.approx(wanted, abs=len(known) * 5.0)
    assert observed("sum") - seconds >= wanted


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
