"""What is counted of shadows beside the models that serve."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.routing.shadow_comparison import compare_shadows
from schemas.predictions import PredictionBatch
from tests.support.store_messages import prediction_batch

Row = tuple[float, int, int]  # score, status, direction


def batch(role: str, rows: dict[str, Row], strategy: str = "s") -> PredictionBatch:
    columns = [np.array(column) for column in zip(*rows.values(), strict=True)] if rows else [np.zeros(0)] * 3
    return prediction_batch(
        1, role=role, strategy=strategy, symbols=tuple(rows), score=columns[0].astype(np.float64),
        status=columns[1].astype(np.uint8), direction=columns[2].astype(np.uint8), confidence=np.ones(len(rows)),
        outcome=np.zeros(len(rows), np.uint8),
    )  # fmt: skip


def counted(batches: list[PredictionBatch], tolerance: float = 0.1) -> list[tuple[int, int, int]]:
    return [(one.rows, one.score_differs, one.direction_differs) for one in compare_shadows(batches, tolerance)]


def test_rows_that_differ_are_counted() -> None:
    live = batch("live", {"A": (1.0, 0, 1), "B": (2.0, 0, 1), "C": (3.0, 0, 0)})
    shadow = batch("shadow", {"A": (1.05, 0, 1), "B": (2.2, 0, 2), "C": (3.0, 0, 1)})
    assert counted([live, shadow]) == [(3, 1, 2)]


def test_only_rows_that_both_answered_count() -> None:
    live = batch("live", {"A": (1.0, 1, 1), "B": (2.0, 0, 1)})
    shadow = batch("shadow", {"A": (9.0, 0, 2), "B": (9.0, 3, 0)})
    assert counted([live, shadow]) == [(0, 0, 0)]


def test_other_strategies_and_other_shadows_do_not_count() -> None:
    rows = {"A": (1.0, 0, 1)}
    others = [batch("live", rows, strategy="t"), batch("shadow", {"A": (5.0, 0, 2)}, strategy="t")]
    assert counted([batch("live", rows), batch("shadow", rows), *others]) == [(1, 0, 0), (1, 1, 1)]


rows = st.dictionaries(
    st.sampled_from("ABCDEFGH"), st.tuples(st.sampled_from([0.0, 0.05, 0.2]), st.integers(0, 3), st.integers(0, 2))
)


@given(live=rows, arm=rows, shadow=rows)
@settings(max_examples=150, deadline=None)
def test_against_plain_python(live: dict[str, Row], arm: dict[str, Row], shadow: dict[str, Row]) -> None:
    arm = {symbol: row for symbol, row in arm.items() if symbol not in live}
    served = live | arm
    both = [
        (served[symbol], row) for symbol, row in shadow.items() if symbol in served and row[1] == served[symbol][1] == 0
    ]
    expected = (len(both), sum(abs(a[0] - b[0]) > 0.1 for a, b in both), sum(a[2] != b[2] for a, b in both))
    assert counted([batch("live", live), batch("arm", arm), batch("shadow", shadow)]) == [expected]
