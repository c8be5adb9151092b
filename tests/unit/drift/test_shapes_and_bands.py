"""Shapes of distributions against plain numpy over raw values, and the bands that the reference gives."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.drift.bands import Bands, bands_of
from pipeline.drift.population_stability import reference_of
from pipeline.drift.results import Insufficient
from pipeline.drift.shape import shapes
from pipeline.drift.training_reference import (
    FeatureReference,
    TrainingReference,
    from_plain,
    reference_bands,
    session_shapes,
    to_plain,
)

pytestmark = pytest.mark.unit
tables = st.lists(st.lists(st.integers(0, 50), min_size=4, max_size=4), min_size=1, max_size=5)


def test_location_and_spread_are_those_of_mid_ranks() -> None:
    """Oracle: each value by itself gets the middle of its bin's mass."""
    rng = np.random.default_rng(1)
    reference, sample = rng.integers(0, 6, 500), rng.integers(0, 6, 80)
    mass = np.bincount(reference, minlength=6) / 500
    middle = np.array([mass[:b].sum() + mass[b] / 2 for b in range(6)])
    counts = [np.bincount(one, minlength=6)[None, :] for one in (reference, sample)]
    values, known = shapes(counts[0], counts[1], counts[0], minimum=20)
    assert known.all()
    assert values[0] == pytest.approx(
        [
            np.mean([middle[v] for v in sample]),
            np.mean([abs(2 * middle[v] - 1) for v in sample]),
            1 + np.log10(np.abs(counts[1] / 80 - counts[0] / 500).sum() / 2) / 4,
        ]
    )


@given(tables, tables)
def test_shapes_lie_between_zero_and_one_and_rows_do_not_touch_each_other(
    a: list[list[int]], b: list[list[int]]
) -> None:
    rows = min(len(a), len(b))
    reference, counts = np.array(a[:rows]), np.array(b[:rows])
    values, known = shapes(reference, counts, counts[::-1].copy(), minimum=1)
    assert ((values >= 0) & (values <= 1 + 1e-12)).all()
    assert (values[~known] == 0).all()
    for row in range(rows):
        alone, alone_known = shapes(
            reference[row : row + 1], counts[row : row + 1], counts[::-1][row : row + 1].copy(), minimum=1
        )
        assert alone.tobytes() == values[row : row + 1].tobytes()
        assert alone_known.tolist() == known[row : row + 1].tolist()


@pytest.mark.parametrize(
    ("reference", "counts"),
    [([0, 0, 0], [5, 5, 5]), ([5, 5, 5], [0, 0, 0]), ([5, 5, 5], [3, 3, 3])],
    ids=["empty_reference", "empty_session", "too_few"],
)
def test_too_little_is_not_known(reference: list[int], counts: list[int]) -> None:
    _, known = shapes(np.array([reference]), np.array([counts]), None, minimum=10)
    assert not known.any()


def sessions(days: int, *, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.multinomial(200, [0.1, 0.2, 0.3, 0.4], size=(days, 2))


def test_a_session_of_the_reference_lies_inside_its_bands() -> None:
    counts = sessions(60)
    whole = counts.sum(axis=0)
    bands = reference_bands(whole, counts, minimum=20, inflation=1.5)
    assert isinstance(bands, Bands)
    values, known = session_shapes(whole, counts, minimum=20)
    assert not known[0, :, 2].any()  # the first session has none before it
    assert known[1:].all()
    for day in range(1, 60):
        assert (bands.outside(values[day]) <= 1e-12).all()


def test_a_moved_widened_or_frozen_session_lies_outside() -> None:
    counts = sessions(60)
    whole = counts.sum(axis=0)
    bands = reference_bands(whole, counts, minimum=20, inflation=1.5)
    assert isinstance(bands, Bands)
    today = np.array([[0, 0, 0, 200], [100, 0, 0, 100]])
    values, _ = shapes(whole, today, counts[-1], minimum=20)
    above, _, wider, _, frozen = bands.outside(values).T
    assert above[0] > 3
    assert wider[1] > 3
    assert (frozen < 0).all()
    values, _ = shapes(whole, counts[-1], counts[-1], minimum=20)
    assert (bands.outside(values)[:, 4] > 1).all()


def test_the_margin_is_counted_in_standard_deviations_of_the_known_sessions() -> None:
    values = np.zeros((40, 1, 3))
    values[::2] = 0.5
    values[0] = 9.0  # unknown: enters nothing
    known = np.ones(values.shape, np.bool_)
    known[0] = False
    narrow, wide = (bands_of(values, known, inflation=1.5, margin=margin) for margin in (0.0, 2.0))
    assert isinstance(narrow, Bands)
    assert isinstance(wide, Bands)
    deviation = np.std(values[1:, 0, 0])
    assert (narrow.low == 0.0).all()
    assert (narrow.high == 0.5).all()
    assert np.allclose(wide.low, -2 * deviation)
    assert np.allclose(wide.high, 0.5 + 2 * deviation)
    assert (wide.scale == narrow.scale).all()


def test_few_sessions_make_no_band() -> None:
    counts = sessions(19)
    found = reference_bands(counts.sum(axis=0), counts, minimum=20, inflation=1.5)
    assert found == Insufficient(n=19, minimum=20, reason="the reference has too few sessions")
    assert reference_bands(counts.sum(axis=0), counts[:0], minimum=20, inflation=1.5) == Insufficient(
        n=0, minimum=1, reason="the reference has no session"
    )


def test_a_row_that_is_never_known_never_lies_outside() -> None:
    values, known = np.full((30, 1, 3), 0.5), np.zeros((30, 1, 3), np.bool_)
    known[:, 0, 0] = True
    bands = bands_of(values, known, inflation=1.5)
    assert isinstance(bands, Bands)
    outside = bands.outside(np.array([[0.5, 1.0, 0.0]]))
    assert (outside[0, 2:] <= 0).all()


def test_a_young_row_is_not_watched_and_said_to_be() -> None:
    """Five sessions of one feature among sixty of the other: no band, rather than one that healthy sessions leave."""
    rng = np.random.default_rng(2)
    values, known = rng.normal(0.5, 0.05, (60, 2, 3)), np.ones((60, 2, 3), np.bool_)
    known[:-5, 1] = False
    found = bands_of(values, known, inflation=1.5)
    assert isinstance(found, Bands)
    assert (found.outside(np.array([[0.5, 0.5, 0.5], [0.9, 0.1, 0.0]]))[1] <= 0).all()
    assert found.unwatched.tolist() == [False, True]
    counts = sessions(60)[:, :1]
    features = FeatureReference(
        feature_set="core", set_version=1, names=("old", "young"), counts=np.ones((2, 4), np.int64), bands=found
    )
    reference = TrainingReference(
        ic=0.04,
        ic_scale=0.1,
        score=reference_bands(counts.sum(axis=0), counts, minimum=20, inflation=1.5),
        features=features,
    )
    assert reference.gaps() == ("too few sessions of features: young",)


def test_a_row_without_neighbouring_sessions_has_no_jumps_to_judge_by() -> None:
    rng = np.random.default_rng(3)
    values, known = rng.normal(0.5, 0.05, (80, 1, 3)), np.zeros((80, 1, 3), np.bool_)
    known[::2] = True
    found = bands_of(values, known, inflation=1.5)
    assert isinstance(found, Bands)
    assert found.unwatched.all()


def test_a_reference_survives_json() -> None:
    counts = sessions(40)
    whole = counts.sum(axis=0)
    bands = reference_bands(whole, counts, minimum=20, inflation=1.5)
    few = reference_bands(whole[:1], counts[:3, :1], minimum=20, inflation=1.5)
    assert isinstance(bands, Bands)
    reference = TrainingReference(
        ic=0.04,
        ic_scale=0.1,
        overlap=3,
        sketch=reference_of(np.arange(100.0)),
        score=few,
        features=FeatureReference(feature_set="core", set_version=1, names=("a", "b"), counts=whole, bands=bands),
    )
    plain = to_plain(reference)
    back = from_plain(json.loads(json.dumps(plain)))
    assert to_plain(back) == plain
    assert back.sketch == reference.sketch
    assert back.score == few
    empty = to_plain(TrainingReference())
    assert to_plain(from_plain(empty)) == empty


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["features"].update(names=["a"]),
        lambda d: d["features"]["bands"].update(scale=[[0.0] * 3] * 2),
        lambda d: d.update(overlap=0),
        lambda d: d.update(ic_scale=-1.0),
        lambda d: d["features"].update(bands=None),
    ],
    ids=["names", "scale", "overlap", "ic_scale", "no_bands"],
)
def test_a_spoilt_reference_is_refused(change: object) -> None:
    counts = sessions(40)
    whole = counts.sum(axis=0)
    bands = reference_bands(whole, counts, minimum=20, inflation=1.5)
    assert isinstance(bands, Bands)
    features = FeatureReference(feature_set="core", set_version=1, names=("a", "b"), counts=whole, bands=bands)
    plain = json.loads(json.dumps(to_plain(TrainingReference(features=features))))
    change(plain)  # type: ignore[operator]
    with pytest.raises(ValueError):
        from_plain(plain)
