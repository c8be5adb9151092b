"""What happens at which bar: literal prices, one rule a test."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from pipeline.trading.options import TradingOptions
from pipeline.trading.results import Stepped, Trades
from pipeline.trading.section import Section
from pipeline.trading.simulation import Simulation
from tests.support.trading_market import Said, at, bars_of, run, section, signals_of, split_of

pytestmark = pytest.mark.unit
LONG, SHORT, FLAT = Said(signal="long"), Said(signal="short"), Said(signal="flat")
#: 1,000 of currency, all of it in one position; the limits leave room for prices that move before the fill.
ALL_IN = TradingOptions(capital=1_000, weight=1.0, max_weight=3.0, max_gross=3.0)


def filled(steps: Sequence[Stepped]) -> list[tuple[int, str, float, float]]:
    """(number of the step, symbol, units, price) of every fill."""
    return [
        (number, symbol, float(units), float(price))
        for number, step in enumerate(steps)
        for fills in step.fills
        for symbol, units, price in zip(fills.symbol, fills.units, fills.price, strict=True)
    ]


def closed(steps: Sequence[Stepped]) -> list[Trades]:
    return [trades for step in steps for trades in step.trades]


def test_a_signal_fills_at_the_open_of_the_next_bar() -> None:
    _, steps = run(ALL_IN, [section(0, {"A": (9, 10)}, {"A": LONG}), section(1, {"A": (8, 12)})])
    assert filled(steps) == [(1, "A", 100.0, 8.0)]  # sized at 10, bought at 8
    assert [step.equity for step in steps] == [1_000, 1_400]
    assert (steps[1].cash, steps[1].net_exposure, steps[1].held) == (200, 1_200, 1)


def test_or_at_its_close() -> None:
    options = replace(ALL_IN, fill="next_close")
    _, steps = run(options, [section(0, {"A": (9, 10)}, {"A": LONG}), section(1, {"A": (8, 12)})])
    assert filled(steps) == [(1, "A", 100.0, 12.0)]
    assert [step.equity for step in steps] == [1_000, 1_000]


def test_the_next_bar_is_the_symbols_own() -> None:
    rows = [{"A": (9.0, 10.0), "B": (1.0, 1.0)}, {"B": (1.0, 1.0)}, {}, {"A": (20.0, 20.0)}]
    _, steps = run(ALL_IN, [section(bar, row, None if bar else {"A": LONG}) for bar, row in enumerate(rows)])
    assert filled(steps) == [(3, "A", 100.0, 20.0)]


def test_a_later_signal_replaces_an_order_that_waits() -> None:
    sections = [
        section(0, {"A": (10, 10), "B": (1, 1)}, {"A": LONG}),
        section(1, {"B": (1, 1)}, {"A": SHORT}),
        section(2, {"B": (1, 1)}, {"A": replace(LONG, scale=0.5)}),
        section(3, {"A": (11, 11)}),
    ]
    _, steps = run(ALL_IN, sections)
    assert filled(steps) == [(3, "A", 50.0, 11.0)]


def test_a_flat_signal_takes_back_an_order_that_waits() -> None:
    sections = [section(0, {"A": (10, 10)}, {"A": LONG}), section(1, {}, {"A": FLAT}), section(2, {"A": (11, 11)})]
    assert filled(run(ALL_IN, sections)[1]) == []


def test_a_turn_closes_one_trade_and_opens_another() -> None:
    options = replace(ALL_IN, commission_bps=100, slippage_bps=200)
    sections = [
        section(0, {"A": (10, 10)}, {"A": replace(LONG, model="alpha")}),
        section(1, {"A": (10, 10)}, {"A": replace(SHORT, model="beta")}),
        section(2, {"A": (10, 10)}, {"A": FLAT}),
        section(3, {"A": (8, 8)}),
    ]
    simulation, steps = run(options, sections)
    first, second = closed(steps)
    # Bought 100 at 10.2 for 10.2 commission: 970 is left at the close, so 97 are sold short, in all 197 at 9.8.
    bought = 1_000 - 100 * 0.2 - 10.2
    short = bought / 10
    assert filled(steps) == [
        (1, "A", 100.0, pytest.approx(10.2)),
        (2, "A", pytest.approx(-100 - short), pytest.approx(9.8)),
        (3, "A", pytest.approx(short), pytest.approx(8.16)),
    ]
    assert (first.model, first.side[0], first.units[0], first.bars[0]) == (("alpha:1",), 1, 100, 1)
    assert [first.entry_price[0], first.exit_price[0]] == pytest.approx([10.2, 9.8])
    assert [first.gross[0], first.costs[0]] == pytest.approx([0, 40 + 10.2 + 9.8])
    assert (second.model, second.side[0], second.bars[0]) == (("beta:1",), -1, 1)
    assert second.units[0] == pytest.approx(short)
    assert (second.entry_time[0], second.exit_time[0]) == (at(2), at(3))
    assert second.gross[0] == pytest.approx(short * 2)
    assert second.costs[0] == pytest.approx(short * (0.2 + 0.098 + 0.16 + 0.0816))
    assert steps[-1].equity == pytest.approx(1_000 + first.net[0] + second.net[0])
    assert len(simulation.positions()) == 0


def test_a_trade_that_grows_and_shrinks_has_average_prices() -> None:
    options = replace(ALL_IN, weight=0.5, rebalance=True)
    sections = [
        section(0, {"A": (10, 10)}, {"A": replace(LONG, scale=0.4)}),  # 20 units
        section(1, {"A": (10, 10)}, {"A": replace(LONG, model="beta")}),  # 50
        section(2, {"A": (20, 10)}, {"A": replace(LONG, scale=0.2)}),  # 700 are left: 7
        section(3, {"A": (30, 30)}, {"A": FLAT}),
        section(4, {"A": (40, 40)}),
    ]
    _, steps = run(options, sections)
    (trade,) = closed(steps)
    assert (trade.units[0], trade.entry_time[0], trade.model) == (50, at(1), ("alpha:1",))
    assert trade.entry_price[0] == pytest.approx((20 * 10 + 30 * 20) / 50)
    assert trade.exit_price[0] == pytest.approx((43 * 30 + 7 * 40) / 50)
    assert trade.gross[0] == pytest.approx(43 * 30 + 7 * 40 - 800)
    assert steps[-1].equity == pytest.approx(1_000 + trade.net[0])


def test_repeated_signals_leave_a_position_alone_unless_told() -> None:
    sections = [section(bar, {"A": (10 + bar, 10 + bar)}, {"A": LONG}) for bar in range(4)]
    options = replace(ALL_IN, weight=0.5)
    assert filled(run(options, sections)[1]) == [(1, "A", 50.0, 11.0)]
    again = filled(run(replace(options, rebalance=True), sections)[1])
    assert [number for number, *_ in again] == [1, 2, 3]
    assert again[1][2] == pytest.approx(0.5 * 1_000 / 11 - 50)


def test_what_a_limit_refused_or_cut_is_not_tried_again_by_itself() -> None:
    options = replace(ALL_IN, weight=0.5, max_gross=0.7)
    sections = [
        section(0, {"A": (10, 10), "B": (10, 10), "C": (10, 10)}, {"A": LONG}),
        section(1, {"A": (10, 10), "B": (10, 10), "C": (10, 10)}, {"B": LONG}),
        section(2, {"A": (14, 14), "B": (10, 10), "C": (10, 10)}, {"A": FLAT}),  # 700 of 1,200: room for 140
        section(3, {"A": (14, 14), "B": (10, 10), "C": (10, 10)}),
        section(4, {"A": (14, 14), "B": (10, 10), "C": (10, 10)}),
    ]
    _, steps = run(options, sections)
    assert [(number, symbol, units) for number, symbol, units, _ in filled(steps)] == [
        (1, "A", 50), (2, "B", pytest.approx(14)), (3, "A", -50),
    ]  # fmt: skip
    assert [step.cut for step in steps] == [0, 0, 1, 0, 0]


def test_another_scale_is_no_repetition() -> None:
    sections = [section(bar, {"A": (10, 10)}, {"A": replace(LONG, scale=1 / (bar + 1))}) for bar in range(3)]
    assert [units for _, _, units, _ in filled(run(ALL_IN, sections)[1])] == [100, -50]


@pytest.mark.parametrize(
    ("sides", "units"),
    [("both", [100, -200]), ("long", [100, -100]), ("short", [-100])],
)
def test_sides(sides: str, units: list[float]) -> None:
    sections = [
        section(0, {"A": (10, 10)}, {"A": LONG}),
        section(1, {"A": (10, 10)}, {"A": SHORT}),
        section(2, {"A": (10, 10)}),
    ]
    assert [found for _, _, found, _ in filled(run(replace(ALL_IN, sides=sides), sections)[1])] == units


def test_whole_lots_are_rounded_towards_nothing() -> None:
    sections = [section(0, {"A": (30, 30), "B": (30, 30)}, {"A": LONG, "B": SHORT}), section(1, {"A": (30, 30)})]
    sections.append(section(2, {"A": (30, 30), "B": (30, 30)}))
    options = replace(ALL_IN, weight=0.5, lot=5.0)
    assert [units for _, _, units, _ in filled(run(options, sections)[1])] == [15, -15]  # 16.7 would be half


@pytest.mark.parametrize(
    ("expiry", "expires", "expected"),
    [
        ("hold", 1, [(1, 100.0)]),
        ("expire", 1, [(1, 100.0), (2, -100.0)]),  # past it first at bar 2
        ("expire", 2, [(1, 100.0), (3, -100.0)]),
        ("expire", 0, []),  # void before it could be filled
    ],
)
def test_expiry(expiry: str, expires: int, expected: list[tuple[int, float]]) -> None:
    sections = [section(0, {"A": (10, 10)}, {"A": replace(LONG, expires=expires)})]
    sections += [section(bar, {"A": (10, 10)}) for bar in (1, 2, 3)]
    _, steps = run(replace(ALL_IN, expiry=expiry), sections)
    assert [(number, units) for number, _, units, _ in filled(steps)] == expected


def test_a_signal_that_repeats_extends_the_expiry() -> None:
    sections = [section(bar, {"A": (10, 10)}, {"A": LONG} if bar < 3 else None) for bar in range(6)]
    found = filled(run(replace(ALL_IN, expiry="expire"), sections)[1])
    assert [(number, units) for number, _, units, _ in found] == [(1, 100.0), (4, -100.0)]


def test_a_split_rescales_units_orders_and_prices() -> None:
    split = split_of("A", 4.0, at(1))
    sections = [
        section(0, {"A": (10, 10), "B": (5, 5)}, {"A": LONG}),
        section(1, {"A": (10, 12), "B": (5, 5)}, splits=[split]),
        section(2, {"A": (3, 3.5), "B": (5, 5)}, {"A": FLAT}),
        section(3, {"A": (3.5, 3.5), "B": (5, 5)}),
    ]
    _, steps = run(ALL_IN, sections)
    assert [step.equity for step in steps] == [1_000, 1_200, 1_400, 1_400]
    (trade,) = closed(steps)
    assert [trade.units[0], trade.entry_price[0], trade.exit_price[0]] == [400, 2.5, 3.5]
    assert trade.gross[0] == 400


def test_a_split_rescales_an_order_that_waits() -> None:
    sections = [
        section(0, {"A": (10, 10)}, {"A": LONG}),
        section(
            1, {"A": (5, 5)}, splits=[split_of("A", 2.0, at(0)), split_of("A", 3.0, at(0))]
        ),  # the first one counts
    ]
    _, steps = run(ALL_IN, sections)
    assert filled(steps) == [(1, "A", 200.0, 5.0)]


def test_late_and_impossible_splits_are_refused_and_named() -> None:
    sections = [
        section(0, {"A": (10, 10), "B": (10, 10)}, {"A": LONG}),
        section(1, {"A": (10, 10), "B": (10, 10)}),
        section(2, {"A": (10, 10)}, splits=[split_of("B", 0.0, at(2)), split_of("A", 2.0, at(0))]),
    ]
    _, steps = run(ALL_IN, sections)
    assert steps[2].refused_splits == ("A", "B")
    assert steps[2].equity == 1_000


def test_positions_say_what_is_open() -> None:
    options = replace(ALL_IN, weight=0.5, commission_bps=100)
    simulation, _ = run(
        options,
        [
            section(0, {"B": (10, 10), "A": (20, 20)}, {"B": LONG, "A": SHORT}),
            section(1, {"A": (20, 22), "B": (10, 9)}),
        ],
    )
    found = simulation.positions()
    assert found.symbol == ("A", "B")
    assert found.units.tolist() == [-25, 50]
    assert found.value.tolist() == [-550, 450]
    assert found.weight.tolist() == pytest.approx([-550 / 890, 450 / 890])
    assert found.gross.tolist() == [-50, -50]
    assert found.costs.tolist() == pytest.approx([5, 5])
    assert found.entry_price.tolist() == [20, 10]
    assert found.entry_time.tolist() == [at(1)] * 2
    assert (found.bars.tolist(), found.model) == ([1, 1], ("alpha:1", "alpha:1"))


@pytest.mark.parametrize("fill", ["next_open", "next_close"])
def test_a_bankrupt_account_closes_everything_and_trades_no_more(fill: str) -> None:
    options = replace(ALL_IN, fill=fill)
    sections = [
        section(0, {"A": (10, 10), "B": (10, 10), "C": (1, 1)}, {"A": SHORT, "B": LONG}),
        section(1, {"A": (10, 10), "B": (10, 10)}),
        section(2, {"A": (25, 26)}, {"C": LONG}),
        section(3, {"A": (1, 1), "B": (99, 99), "C": (1, 1)}, {"C": LONG}),
        section(4, {"A": (1, 1), "C": (2, 2)}),
    ]
    _, steps = run(options, sections)
    price = 25.0 if fill == "next_open" else 26.0
    assert filled(steps)[2:] == [(2, "A", 100.0, price), (2, "B", -100.0, 10.0)]
    assert [step.bankrupt for step in steps] == [False, False, True, True, True]
    assert [step.equity for step in steps[2:]] == [1_000 - 100 * (price - 10)] * 3
    assert (steps[2].held, steps[2].gross_exposure, steps[2].cash) == (0, 0, steps[2].equity)


def test_costs_alone_can_ruin() -> None:
    options = replace(ALL_IN, commission_bps=10_000)
    _, steps = run(options, [section(0, {"A": (10, 10)}, {"A": LONG}), section(1, {"A": (10, 10)})])
    assert steps[1].bankrupt
    assert [len(fills) for fills in steps[1].fills] == [1, 1]
    assert steps[1].equity == -1_000


def test_signals_without_a_price_are_counted() -> None:
    _, steps = run(
        ALL_IN, [section(0, {"A": (10, 10)}, {"X": LONG, "A": LONG}), section(1, {"A": (10, 10), "X": (1, 1)})]
    )
    assert [step.unpriced for step in steps] == [1, 0]
    assert filled(steps) == [(1, "A", 100.0, 10.0)]


def bad_sections() -> dict[str, tuple[Section, str]]:
    now = at(1)
    good = {"A": (10.0, 10.0)}
    return {
        "time again": (section(0, good), "does not follow"),
        "bars of another time": (Section(event_time=now, bars=(bars_of(at(2), good),)), "a batch of bars closes at"),
        "signals of the bar before": (
            Section(event_time=now, bars=(bars_of(now, good),), signals=(signals_of(at(0), {"A": LONG}),)),
            "give them with their bars",
        ),
        "another interval": (Section(event_time=now, bars=(bars_of(now, good, "5m"),)), "one interval"),
        "signals of another interval": (
            Section(event_time=now, bars=(bars_of(now, good),), signals=(signals_of(now, {"A": LONG}, "5m"),)),
            "one interval",
        ),
        "two bars": (Section(event_time=now, bars=(bars_of(now, good), bars_of(now, good))), "two bars for A"),
        "two bars in a batch": (Section(event_time=now, bars=(bars_of(now, good, order="AA"),)), "two bars for A"),
        "two signals": (
            Section(event_time=now, bars=(bars_of(now, good),), signals=(signals_of(now, {"A": LONG}),) * 2),
            "two signals of one bar time for A",
        ),
    }  # fmt: skip


@pytest.mark.parametrize("name", bad_sections())
def test_what_contradicts_itself_is_refused(name: str) -> None:
    one, text = bad_sections()[name]
    simulation = Simulation(ALL_IN)
    simulation.step(section(0, {"A": (10, 10)}))
    with pytest.raises(ValueError, match=text):
        simulation.step(one)


def test_memory_does_not_grow_with_time() -> None:
    simulation = Simulation(replace(ALL_IN, weight=0.3))
    sizes = []
    for bar in range(300):
        said = {"A": LONG if bar % 2 else SHORT, f"B{bar % 7}": LONG}
        rows = {"A": (10.0, 10.0), f"B{bar % 7}": (5.0, 5.0)}
        simulation.step(section(bar, rows, said))
        sizes.append((simulation._book.values.nbytes, len(simulation._book.places._found)))
    assert sizes[100][0] == sizes[-1][0]
    assert max(np.array(sizes)[:, 1]) <= 64
