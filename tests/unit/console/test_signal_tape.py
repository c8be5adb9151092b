"""The tape: what has come is numbered, and who misses something is told."""

from dataclasses import replace

import pytest

from infra.settings import load_settings
from infra.warehouse.console_signals import TapeFilter
from schemas.intervals import MINUTE, SECOND
from schemas.signals import Notice, Signal
from signaltape.console.signals.channel import TapeChannel
from signaltape.console.signals.rows import COLUMNS, SHARED, signal_blocks, signal_row
from signaltape.console.signals.tape import SignalTape

T0 = 1_700_000_000 * SECOND
ONE = Signal(
    signal_id="a1", seq=1, symbol="AAPL", signal="long", score=0.001, confidence=0.6, timestamp=T0 / SECOND,
    event_time=T0, interval="1m", horizon=5, reference_price=100.0, position_scale=0.5, strategy="alpha", model="first",
    model_version=2, models=("first:2", "second:1"), source=(0, 7), expires_at=T0 + 5 * MINUTE, reason="live",
)  # fmt: skip
PAUSED = Notice(
    seq=2, partition=0, kind="paused", event_time=T0, strategy="", model="", symbols=tuple(f"S{n}" for n in range(60)),
    control_offset=3, detail="look at it",
)  # fmt: skip


class StillTape(SignalTape):
    """A tape that follows nothing: what is on it was added."""

    def touch(self, wait_s: float = 0.0) -> None:
        pass

    @property
    def fault(self) -> str:
        return ""


@pytest.fixture
def tape() -> StillTape:
    return StillTape(load_settings(), kept=10)


def signals(first: int, last: int) -> list[Signal | Notice]:
    return [replace(ONE, signal_id=f"{n:032x}", seq=n) for n in range(first, last + 1)]


def names(tape: SignalTape, epoch: str, number: int, most: int = 100) -> tuple[int, int, int]:
    piece = tape.after(epoch, number, most)
    assert [one.seq for one in piece.items] == list(range(piece.first, piece.last + 1))
    return piece.first, piece.last, piece.left


def test_goes_on_behind_what_was_seen_and_begins_anew_where_that_has_left(tape: StillTape) -> None:
    epoch, last = tape.end()
    assert (last, names(tape, epoch, 0)) == (0, (1, 0, 0))
    tape.add(signals(1, 8))
    assert names(tape, epoch, 0) == (1, 8, 0)
    assert names(tape, epoch, 0, most=3) == (1, 3, 5)
    assert names(tape, epoch, 8) == (9, 8, 0)
    tape.add(signals(9, 14))  # ten are kept: 5 … 14
    assert names(tape, epoch, 4) == (5, 14, 0)
    assert names(tape, epoch, 3) == (5, 14, 0)  # 4 has left: who saw 3 sees by the first number that it is missing
    assert names(tape, epoch, 15) == (5, 14, 0)  # never was
    assert names(tape, "another", 12) == (5, 14, 0)


def test_events_follow_each_other_without_a_gap_and_are_bounded(tape: StillTape) -> None:
    channel = TapeChannel(tape, most=4)
    tape.add(signals(1, 2))
    assert channel.make() is None  # who begins to listen has read what is there
    tape.add([*signals(3, 6), PAUSED, *signals(8, 9)])
    events = [channel.make() for _ in range(3)]
    assert [(one["from"], one["to"]) for one in events if one is not None] == [(3, 6), (7, 9)]
    assert events[2] is None
    first, second = events[0], events[1]
    assert first is not None
    assert second is not None
    assert [n for event in (first, second) for block in event["blocks"] for n in block["n"]] == [3, 4, 5, 6, 8, 9]
    assert (first["left"], second["left"]) == (3, 0)
    (notice,) = second["notices"]
    assert (notice["n"], notice["kind"], len(notice["symbols"]), notice["symbols_left_out"]) == (7, "paused", 50, 10)


def test_a_ring_that_ran_ahead_shows_as_a_gap(tape: StillTape) -> None:
    channel = TapeChannel(tape, most=4)
    channel.make()
    tape.add(signals(1, 25))
    event = channel.make()
    assert event is not None
    assert (event["from"], event["to"]) == (16, 19)  # 1 … 15 are gone, and a page that saw 0 reads anew


def test_a_block_says_what_rows_say_and_what_they_share_once() -> None:
    other = replace(ONE, signal_id="b" * 32, symbol="MSFT", signal="short", score=-0.5, confidence=0.9)
    later = replace(ONE, signal_id="c" * 32, event_time=T0 + 1)
    numbered = [(3, ONE), (4, later), (5, other)]
    blocks = signal_blocks(numbered)
    assert [block["n"] for block in blocks] == [[3, 5], [4]]
    rows = {
        block["n"][at]: dict(zip(SHARED, block["shared"], strict=True))
        | {name: values[at] for name, values in block.items() if name != "shared"}
        for block in blocks
        for at in range(len(block["n"]))
    }
    assert rows == {n: dict(zip(COLUMNS, signal_row(n, one), strict=True)) for n, one in numbered}


def test_a_row_has_its_columns() -> None:
    row = dict(zip(COLUMNS, signal_row(3, ONE), strict=True))
    assert (row["n"], row["symbol"], row["models"]) == (3, "AAPL", "first:2, second:1")
    assert row["position"] == pytest.approx(0.5 * 0.2)


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        (TapeFilter(), True),
        (TapeFilter(symbol="AAPL", strategy="alpha", direction="long", interval="1m", confidence=0.6), True),
        (TapeFilter(symbol="AAP"), False),  # meant exactly
        (TapeFilter(prefix="AAP"), True),
        (TapeFilter(model="second:1"), True),  # one of those that were merged
        (TapeFilter(model="first"), True),
        (TapeFilter(model="second"), False),  # only who leads is known without its version
        (TapeFilter(confidence=0.61), False),
        (TapeFilter(direction="short"), False),
        (TapeFilter(before=T0 - 1), False),
        (TapeFilter(before=T0), True),
    ],
)
def test_filters_say_of_what_comes_what_they_say_of_what_is_stored(wanted: TapeFilter, *, passes: bool) -> None:
    assert wanted.passes(ONE) is passes
