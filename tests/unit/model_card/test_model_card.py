"""Importance finds what a model looks at, and the card says what was found, whatever stands in it."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from infra.scoring.manifest import ModelManifest
from infra.scoring.scorer import Scorer
from infra.warehouse.models import ModelMetric
from signaltape.model_card import Evaluation, Importance, importance_of, model_card
from signaltape.model_tests import Evidence, check_folder
from signaltape.reports.page import Section, Table, number, page
from signaltape.reports.plots import Panel, Point, bar_panels, reliability_plot
from tests.support.linear_models import write_linear_model

SVG = "{http://www.w3.org/2000/svg}"
WEIGHTS = {"logret_1": -0.5, "ret_std_20": 0.1, "volume_z_20": 0.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("model")


@pytest.fixture(scope="module")
def manifest(folder: Path) -> ModelManifest:
    return write_linear_model(folder, weights=WEIGHTS, irrelevant=("volume_z_20",))


@pytest.fixture(scope="module")
def rows() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    x = rng.normal(0.0, 0.02, (3_000, 3)).astype(np.float32)
    y = x.astype(np.float64) @ np.array(list(WEIGHTS.values())) + rng.normal(0.0, 0.01, 3_000)
    return x, y


@pytest.fixture(scope="module")
def looked(folder: Path, manifest: ModelManifest, rows: tuple[np.ndarray, np.ndarray]) -> Importance:
    scorer = Scorer.load(folder / "model.onnx", manifest.sha256, manifest)
    native = {"gain": np.array([9.0, 1.0, 0.0])}
    return importance_of(scorer, manifest.features, *rows, native=native, seed=1)


def test_permutation_finds_what_matters_and_what_does_not(looked: Importance) -> None:
    """Without the first column next to nothing is left; the third has no weight, so nothing at all is lost."""
    lost = looked.kinds["permutation"]
    assert looked.rank_ic == pytest.approx(0.68, abs=0.05)
    assert lost[0] > 0.4 > 0.1 > lost[1] > 0.0 == lost[2]
    assert looked.deviation[2] == 0.0
    assert looked.rows == 1_000
    document = json.loads(looked.to_json())
    assert [one["name"] for one in document["features"]] == ["logret_1", "ret_std_20", "volume_z_20"]
    assert document["features"][0]["gain"] == 9.0


def test_importance_is_the_same_for_the_same_seed(
    folder: Path, manifest: ModelManifest, rows: tuple[np.ndarray, np.ndarray], looked: Importance
) -> None:
    scorer = Scorer.load(folder / "model.onnx", manifest.sha256, manifest)
    again = importance_of(scorer, manifest.features, *rows, native={"gain": looked.kinds["gain"]}, seed=1)
    assert again.to_json() == looked.to_json()
    constant = importance_of(scorer, manifest.features, rows[0], np.zeros(3_000), native={}, seed=1)
    assert constant.kinds["permutation"].tolist() == [0.0] * 3


def test_plot_has_a_bar_a_value_and_a_whisker_where_they_belong(looked: Importance) -> None:
    tree = ET.fromstring(looked.plot())
    texts = [one.text for one in tree.iter(f"{SVG}text")]
    assert texts[:3] == ["logret_1", "ret_std_20", "volume_z_20"]
    assert texts[3] == "gain, share of all"
    assert "0.9" in texts
    bars = [float(one.attrib["width"]) for one in tree.iter(f"{SVG}rect")]
    assert bars[0] / bars[1] == pytest.approx(9.0, rel=0.05)
    assert bars[2] == 0.0


def test_a_negative_bar_goes_to_the_left_of_zero() -> None:
    tree = ET.fromstring(bar_panels(["up", "down & out"], [Panel(title="x", values=[2.0, -1.0])]))
    up, down = tree.iter(f"{SVG}rect")
    assert float(down.attrib["x"]) + float(down.attrib["width"]) == pytest.approx(float(up.attrib["x"]), abs=0.11)
    assert float(up.attrib["width"]) == pytest.approx(2 * float(down.attrib["width"]), abs=0.3)
    assert up.attrib["fill"] != down.attrib["fill"]
    assert ET.fromstring(bar_panels(["flat"], [Panel(title="x", values=[0.0])])) is not None


def test_points_on_the_diagonal_are_on_the_diagonal() -> None:
    points = [Point(rows=9, confidence=value, hit_rate=value, error=0.01) for value in (0.5, 0.6, 0.7)]
    tree = ET.fromstring(reliability_plot(points))
    circles = [(float(one.attrib["cx"]), float(one.attrib["cy"])) for one in tree.iter(f"{SVG}circle")]
    sums = [x + y for x, y in circles]
    assert len(circles) == 3
    assert sums == pytest.approx([sums[0]] * 3, abs=0.2)


class Reader(HTMLParser):
    """Collects text, and complains about tags that are not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag != "script"
        for name, value in attrs:
            assert name not in ("src", "href"), value
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Empty, as `<line/>`."""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def read(html: bytes) -> str:
    reader = Reader()
    reader.feed(html.decode())
    assert reader.open == []
    return " ".join(" ".join(reader.texts).split())


def test_card_of_a_model_from_elsewhere(folder: Path, manifest: ModelManifest) -> None:
    tests = check_folder(folder, manifest)
    text = read(model_card(manifest, Evaluation(tests=tests)))
    assert "No metrics: it wasn't trained by this program." in text
    assert "never matter volume_z_20" in text
    assert manifest.sha256 in text


def test_card_says_what_was_found(
    folder: Path, manifest: ModelManifest, rows: tuple[np.ndarray, np.ndarray], looked: Importance
) -> None:
    evidence = Evidence(y=rows[1], event_time=np.arange(3_000, dtype=np.int64))
    tests = check_folder(folder, manifest, rows[0], evidence)
    metrics = [
        ModelMetric(dataset="test", metric=name, value=value, higher_is_better=True)
        for name, value in (("rank_ic", 0.0123), ("rank_ic_low", -0.01), ("rank_ic_high", 0.04))
    ]
    strange = replace(
        manifest,
        description="<script>alert(1)</script> & more",
        training={
            "target": "regression",
            "parameters": {"penalty": 0.01},
            "rows": {"train": 1_234},
            "search": {"metric": "ic", "candidates": [{"parameters": {"penalty": 1.0}, "value": None, "reason": "no"}]},
        },
    )
    html = model_card(strange, Evaluation(tests=tests, metrics=metrics, importance=looked))
    text = read(html)
    assert "0.0123 [-0.01, 0.04]" in text
    assert "can't be told from 0" in text
    assert "<script>alert(1)</script> & more" in text  # as text: the reader allows no such tag
    assert "1,234" in text
    assert "Chosen out of 1 combinations by ic." in text
    assert html.count(b"<svg") == 2
    better = [replace(one, value=0.01) if one.metric == "rank_ic_low" else one for one in metrics]
    assert "can't be told from 0" not in read(model_card(strange, Evaluation(tests=tests, metrics=better)))


def test_pages_escape_everything_and_numbers_are_short() -> None:
    section = Section(title="<i>", content=["a < b", Table(head=("<u>",), rows=[("&",), (None,), (12_345,), (0.5,)])])
    html = page("<t>", "<lead>", [section])
    assert read(html).endswith("a < b <u> & 12,345 0.5")
    assert [number(value) for value in (0.0, 3.0, 1234567.0, 0.000123456, -2.5)] == [
        "0",
        "3",
        "1,234,567",
        "0.00012346",
        "-2.5",
    ]
