"""Tallies tell rows apart that a count alone would not."""

import numpy as np

from signaltape.reconciliation.tally import Line, Tally, compare


def tally(rows: list[tuple[str, int, int]]) -> Tally:
    found = Tally()
    for symbol, time, second in rows:
        found.add(("1m",), (symbol,), time, second)
    return found


def test_cross_sections_and_single_rows_add_up_alike() -> None:
    one, each = Tally(), Tally()
    one.add(("1m",), ("A", "B"), 5_000, 7)
    each.add_each(("1m",), ("A",), 5_000, np.array([7]))
    each.add_each(("1m",), ("B",), 5_000, np.array([7]))
    assert one.by_symbol() == each.by_symbol() == {("1m", "A"): (1, 5, 7), ("1m", "B"): (1, 5, 7)}
    assert one.rows == each.rows == 2


def test_a_row_lost_and_another_doubled_do_not_cancel() -> None:
    log = tally([("A", 1_000, 1), ("A", 2_000, 2), ("A", 3_000, 3)])
    table = tally([("A", 1_000, 1), ("A", 1_000, 1), ("A", 3_000, 3)])
    assert compare(log.by_symbol(), log.by_symbol()) == ""
    assert compare(log.by_symbol(), table.by_symbol()) == "1m A: 3 rows in both, but not the same ones"


def test_differences_are_named_and_bounded() -> None:
    log = tally([(f"S{number}", 1_000, 1) for number in range(9)])
    text = compare(log.by_symbol(), {})
    assert text.startswith("1m S0: 1 in the log, 0 in the table; ")
    assert text.endswith("; and 4 more")


def test_a_line_is_ok_only_if_the_numbers_add_up_and_nothing_differs() -> None:
    assert Line(stage="s", in_=5, out=2, duplicates=2, dead_lettered=1).ok
    assert not Line(stage="s", in_=5, out=3, duplicates=2, dead_lettered=1).ok
    assert not Line(stage="s", in_=5, out=5, detail="x").ok
