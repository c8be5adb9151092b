"""Scoring: the same bits in every batch, deadlines, and nothing that can't be used."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from infra.scoring.errors import ArtifactChanged, DeadlineMissed, GoldenMismatch, ModelRefused, UnusableOutput
from infra.scoring.files import sha256_of
from infra.scoring.golden import GoldenVectors
from infra.scoring.manifest import ModelManifest
from infra.scoring.scorer import Scorer
from pipeline.features import FEATURE_SETS
from pipeline.routing.decision import Thresholds
from tests.support.linear_models import linear_graph, write_linear_model

WIDTH = len(FEATURE_SETS["minimal"].names)
ALL_WEIGHTS = {name: 0.3 / (place + 1) for place, name in enumerate(FEATURE_SETS["minimal"].names)}


def matrix(rows: int, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    valid = rng.random((rows, WIDTH)) > 0.05
    return np.where(valid, rng.normal(0.0, 0.02, (rows, WIDTH)), 0.0), valid


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    folder = tmp_path_factory.mktemp("model")
    made = write_linear_model(folder, weights=ALL_WEIGHTS)
    return Scorer.load(folder / made.onnx_file, made.sha256, made)


#: Sizes of batches, in order; what they leave of the rows is the last batch.
SIZES = st.lists(st.sampled_from([1, 1, 2, 3, 7, 255, 256, 257]) | st.integers(0, 300), max_size=12)


@settings(max_examples=60, deadline=None)
@given(sizes=SIZES, seed=st.integers(0, 5))
@example(sizes=[1, 1, 256, 1], seed=0)
def test_batches_do_not_matter(scorer: Scorer, sizes: list[int], seed: int) -> None:
    values, valid = matrix(700, seed)
    whole = scorer.score(values, valid)
    edges = np.minimum([0, *np.cumsum(sizes, dtype=np.int64), 700], 700).tolist()
    parts = [scorer.score(values[a:b], valid[a:b]) for a, b in pairwise(edges)]
    assert np.concatenate([one.score for one in parts]).tobytes() == whole.score.tobytes()
    assert np.concatenate([one.confidence for one in parts]).tobytes() == whole.confidence.tobytes()


def test_order_of_rows_does_not_matter(scorer: Scorer) -> None:
    values, valid = matrix(300)
    order = np.random.default_rng(9).permutation(300)
    whole, turned = scorer.score(values, valid), scorer.score(values[order], valid[order])
    assert turned.score.tobytes() == whole.score[order].tobytes()


def test_score_is_the_weighted_sum_of_named_columns(tmp_path: Path) -> None:
    made = write_linear_model(tmp_path, weights={"ret_std_20": 2.0, "logret_1": -1.0}, bias=0.5, sharpness=1.0)
    scorer = Scorer.load(tmp_path / made.onnx_file, made.sha256, made)
    values, valid = np.zeros((2, WIDTH)), np.ones((2, WIDTH), dtype=bool)
    names = FEATURE_SETS["minimal"].names
    values[:, names.index("ret_std_20")] = 0.25
    values[:, names.index("logret_1")] = 0.125
    valid[1, names.index("logret_1")] = False
    found = scorer.score(values, valid)
    assert found.score.tolist() == [0.875, 1.0]
    assert found.confidence == pytest.approx(1 / (1 + np.exp([-0.875, -1.0])), abs=1e-6)
    assert found.score.dtype == found.confidence.dtype == np.float64


def test_no_rows_is_an_answer(scorer: Scorer) -> None:
    values, valid = matrix(0)
    assert scorer.score(values, valid).score.shape == (0,)


def test_undefined_value_means_nothing(scorer: Scorer) -> None:
    values, valid = matrix(50)
    other = np.where(valid, values, 1e300)
    assert scorer.score(values, valid).score.tobytes() == scorer.score(other, valid).score.tobytes()


class Ticking:
    """A clock that goes on by a millisecond at each look."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        self.now += 1_000_000
        return self.now


@pytest.mark.parametrize(
    ("deadline", "done"),
    [
        (1_500_000, 256),  # gone after the first chunk
        (2_000_000, 512),  # the instant itself is in time
        (3_500_000, 700),  # the last chunk came too late: the answer is late, too
    ],
)
def test_missed_deadline(tmp_path: Path, deadline: int, done: int) -> None:
    made = write_linear_model(tmp_path)
    scorer = Scorer.load(tmp_path / made.onnx_file, made.sha256, made, clock=(clock := Ticking()))
    values, valid = matrix(700)
    clock.now = 0
    with pytest.raises(DeadlineMissed) as caught:
        scorer.score(values, valid, deadline)
    assert (caught.value.done, caught.value.total) == (done, 700)


def test_deadline_kept(tmp_path: Path) -> None:
    made = write_linear_model(tmp_path)
    scorer = Scorer.load(tmp_path / made.onnx_file, made.sha256, made, clock=(clock := Ticking()))
    clock.now = 0
    assert len(scorer.score(*matrix(700), 4_000_000).score) == 700


def test_value_beyond_float32_is_named(scorer: Scorer) -> None:
    values, valid = matrix(400)
    values[301], valid[301] = 1e39, True
    with pytest.raises(UnusableOutput, match=r"1 of 400 rows.*row 301") as caught:
        scorer.score(values, valid)
    assert caught.value.rows == (301,)


@pytest.mark.parametrize(("weight", "sharpness"), [(float("nan"), 1.0), (1.0, float("nan"))])
def test_model_that_gives_nan_is_not_loaded(tmp_path: Path, weight: float, sharpness: float) -> None:
    made = write_linear_model(tmp_path)
    graph = linear_graph([weight, 1.0], sharpness=sharpness)
    (tmp_path / made.onnx_file).write_bytes(graph)
    with pytest.raises(GoldenMismatch, match="no usable result"):
        Scorer.load(tmp_path / made.onnx_file, sha256_of(graph), made)


def test_changed_file_is_refused(tmp_path: Path) -> None:
    made = write_linear_model(tmp_path)
    path = tmp_path / made.onnx_file
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ArtifactChanged, match="register the model again"):
        Scorer.load(path, made.sha256, made)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    made = write_linear_model(tmp_path)
    with pytest.raises(ArtifactChanged, match=r"other\.onnx: cannot be read"):
        Scorer.load(tmp_path / "other.onnx", made.sha256, made)


def changed(made: ModelManifest, **fields: object) -> ModelManifest:
    return ModelManifest(**{**{name: getattr(made, name) for name in made.__slots__}, **fields})


def test_changed_golden_vectors_are_refused(tmp_path: Path) -> None:
    made = write_linear_model(tmp_path)
    (tmp_path / made.golden_file).write_bytes(b"{}")
    with pytest.raises(ArtifactChanged, match=r"golden\.json"):
        Scorer.load(tmp_path / made.onnx_file, made.sha256, made)


def golden_with(folder: Path, made: ModelManifest, difference: float) -> ModelManifest:
    path = folder / made.golden_file
    golden = GoldenVectors.from_json(path.read_bytes(), str(path))
    score = golden.score.copy()
    score[7] += difference
    other = GoldenVectors(features=golden.features, rows=golden.rows, score=score, confidence=golden.confidence)
    path.write_bytes(other.to_json())
    return changed(made, golden_sha256=sha256_of(path.read_bytes()))


def test_last_bit_counts_on_the_same_numerics(tmp_path: Path) -> None:
    made = golden_with(tmp_path, write_linear_model(tmp_path), 1e-12)
    with pytest.raises(GoldenMismatch, match="1 of 32 golden vectors differ; row 7"):
        Scorer.load(tmp_path / made.onnx_file, made.sha256, made)


@pytest.mark.parametrize(("difference", "accepted"), [(1e-9, True), (1e-3, False)])
def test_tolerance_between_numerics(tmp_path: Path, difference: float, accepted: bool) -> None:
    made = changed(golden_with(tmp_path, write_linear_model(tmp_path), difference), numerics="elsewhere")
    if accepted:
        assert Scorer.load(tmp_path / made.onnx_file, made.sha256, made).manifest == made
        return
    with pytest.raises(GoldenMismatch, match="other numerics"):
        Scorer.load(tmp_path / made.onnx_file, made.sha256, made)


def test_golden_vectors_keep_every_bit() -> None:
    rows = np.array([[0.1, np.nan], [1e-38, -3.4e38]], dtype=np.float32)
    golden = GoldenVectors(
        features=("a", "b"), rows=rows, score=np.array([0.1, 1e-300]), confidence=np.array([0.5, 1 / 3])
    )
    back = GoldenVectors.from_json(golden.to_json(), "golden")
    assert back.rows.tobytes() == rows.tobytes()
    assert back.score.tobytes() == golden.score.tobytes()
    assert back.confidence.tobytes() == golden.confidence.tobytes()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"set_hash": "0" * 16}, "train it again"),
        ({"set_version": 9}, "this release computes"),
        ({"features": ("logret_1", "no_such")}, "has no column no_such"),
        ({"features": ("logret_1",)}, r"needed is \[any number, 1\]"),
        ({"features": ("ret_std_20", "logret_1")}, "other inputs"),
    ],
)
def test_model_of_other_features_is_refused(tmp_path: Path, fields: dict[str, object], message: str) -> None:
    made = write_linear_model(tmp_path)
    with pytest.raises(ModelRefused, match=message):
        Scorer.load(tmp_path / made.onnx_file, made.sha256, changed(made, **fields))


def test_not_onnx_is_refused(tmp_path: Path) -> None:
    made = write_linear_model(tmp_path)
    (tmp_path / made.onnx_file).write_bytes(b"hello")
    with pytest.raises(ModelRefused, match="not a model that ONNX Runtime can load"):
        Scorer.load(tmp_path / made.onnx_file, sha256_of(b"hello"), made)


def test_same_arguments_make_the_same_model(tmp_path: Path) -> None:
    terms = Thresholds(long=0.01, short=-0.02)
    first = write_linear_model(tmp_path / "a", thresholds=terms)
    assert write_linear_model(tmp_path / "b", thresholds=terms) == first
