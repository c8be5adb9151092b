"""Joining predictions with matured returns, against a join written as a plain loop."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.drift.ledger import LabelLedger
from pipeline.drift.series import Series
from schemas.features import ReturnBatch
from schemas.intervals import DAY, MINUTE
from schemas.link import Link

pytestmark = pytest.mark.unit
SERIES = Series(strategy="s", model="m", version=1, role="live", interval="1m", horizon=5)
DAILY = Series(strategy="s", model="m", version=1, role="live", interval="1d", horizon=1)
T0 = 100 * DAY + 600 * MINUTE


def returns(time: int, rows: list[tuple[str, int, float]], series: Series = SERIES, kind: str = "live") -> ReturnBatch:
    return ReturnBatch(
        link=Link(position=(0, 0), last_part=0, previous=None),
        interval=series.interval,
        horizon=series.horizon,
        event_time=time,
        available_time=time,
        kind=kind,
        symbols=tuple(symbol for symbol, _, _ in rows),
        prediction_time=np.array([at for _, at, _ in rows], np.int64),
        log_return=np.array([value for _, _, value in rows]),
    )


def predict(ledger: LabelLedger, time: int, rows: dict[str, float], series: Series = SERIES) -> None:
    ledger.predictions(series, time, tuple(rows), np.array(list(rows.values())))


def joined(ledger: LabelLedger, session: int, series: Series = SERIES) -> list[tuple[int, str, float, float]]:
    matured = ledger.close(session).get(series)
    return [
        (section.prediction_time, *row)
        for section in (matured.cross_sections if matured else ())
        for row in zip(section.symbols, section.scores.tolist(), section.log_returns.tolist(), strict=True)
    ]


def test_pairs_are_matched_by_symbol_and_prediction_time() -> None:
    ledger = LabelLedger()
    predict(ledger, T0, {"B": 0.2, "A": 0.1})
    predict(ledger, T0 + MINUTE, {"A": 0.3})
    ledger.labels(returns(T0 + 5 * MINUTE, [("A", T0, 1.0), ("C", T0, 9.0)]))
    ledger.labels(returns(T0 + 6 * MINUTE, [("B", T0, 2.0), ("A", T0 + MINUTE, 3.0)]))  # B had a gap
    assert joined(ledger, 100) == [(T0, "A", 0.1, 1.0), (T0, "B", 0.2, 2.0), (T0 + MINUTE, "A", 0.3, 3.0)]
    assert ledger.waiting(SERIES) == 0


def test_other_horizons_and_intervals_do_not_match() -> None:
    ledger = LabelLedger()
    predict(ledger, T0, {"A": 0.1})
    ledger.labels(returns(T0 + MINUTE, [("A", T0, 1.0)], DAILY))
    assert joined(ledger, 100) == []
    assert ledger.waiting(SERIES) == 1


def test_a_label_belongs_to_the_session_in_which_it_matured() -> None:
    ledger = LabelLedger()
    predict(ledger, T0, {"A": 0.1, "B": 0.2}, DAILY)
    ledger.labels(returns(T0 + DAY, [("A", T0, 1.0)], DAILY))
    ledger.labels(returns(T0 + 3 * DAY, [("B", T0, 2.0)], DAILY))  # two days without a bar
    assert joined(ledger, 100, DAILY) == []
    assert joined(ledger, 101, DAILY) == [(T0, "A", 0.1, 1.0)]
    assert ledger.sessions(200) == {103}
    assert joined(ledger, 103, DAILY) == [(T0, "B", 0.2, 2.0)]


def test_the_first_of_two_rows_with_one_key_counts() -> None:
    ledger = LabelLedger()
    predict(ledger, T0, {"A": 0.1})
    predict(ledger, T0, {"A": 0.9})
    ledger.labels(returns(T0 + 5 * MINUTE, [("A", T0, 1.0)]))
    ledger.labels(returns(T0 + 6 * MINUTE, [("A", T0, 5.0)]))
    assert joined(ledger, 100) == [(T0, "A", 0.1, 1.0)]


@pytest.mark.parametrize(("session", "expired"), [(109, 0), (110, 1)])
def test_predictions_that_wait_too_long_are_given_up_and_counted(session: int, expired: int) -> None:
    ledger = LabelLedger()
    predict(ledger, T0, {"GONE": 0.1})
    assert ledger.close(session)[SERIES].expired == expired
    assert ledger.waiting(SERIES) == 1 - expired


def test_a_label_that_comes_late_but_comes_is_not_given_up() -> None:
    ledger = LabelLedger()
    predict(ledger, T0, {"SLOW": 0.1})
    ledger.labels(returns(T0 + 10 * DAY, [("SLOW", T0, 1.0)]))
    matured = ledger.close(110)[SERIES]
    assert (len(matured.cross_sections), matured.expired) == (1, 0)


SYMBOLS = "ABCDEF"
ROW = st.tuples(st.sampled_from(SYMBOLS), st.integers(0, 7), st.integers(1, 4), st.floats(-1, 1))


@given(st.lists(ROW, max_size=60), st.integers(0, 2**32 - 1))
def test_the_order_of_arrival_changes_no_bit(rows: list[tuple[str, int, int, float]], seed: int) -> None:
    """Each symbol's rows keep their order; everything else is shuffled, and the state goes through a snapshot."""
    expected: dict[tuple[int, str], tuple[float, float]] = {}
    lanes: dict[str, list[tuple[str, int, int, float]]] = {}
    for symbol, at, wait, value in rows:
        expected.setdefault((T0 + at * MINUTE, symbol), (value, value * 2))
        lanes.setdefault(symbol, []).append((symbol, at, wait, value))
    outcomes = []
    for shuffle in (False, True):
        ledger = feed(lanes, np.random.default_rng(seed if shuffle else 0))
        state = ledger.snapshot()
        restored = LabelLedger.restore(state)
        assert restored.snapshot() == state
        outcomes.append((state, joined(restored, 100)))
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][1] == [(at, name, *expected[at, name]) for at, name in sorted(expected)]


def feed(lanes: dict[str, list[tuple[str, int, int, float]]], rng: np.random.Generator) -> LabelLedger:
    """Interleave symbols, and predictions with labels (which may come first), at random."""
    ledger = LabelLedger()
    queues = [("p", list(lane)) for lane in lanes.values()] + [("r", list(lane)) for lane in lanes.values()]
    while queues:
        kind, queue = queues[rng.integers(len(queues))]
        symbol, at, wait, value = queue.pop(0)
        time = T0 + at * MINUTE
        if kind == "p":
            predict(ledger, time, {symbol: value})
        else:
            ledger.labels(returns(time + wait * MINUTE, [(symbol, time, value * 2)]))
        queues = [entry for entry in queues if entry[1]]
    return ledger
