"""Levels, averages, the weakest; and what a file of answers must be."""

import json
from pathlib import Path

import pytest

from infra.warehouse.queries import queries
from signaltape.maturity.answers import AnswersRefused, read_answers
from signaltape.maturity.assessment import assess, unanswered
from signaltape.maturity.questions import areas

ALL = [question for area in areas() for question in area.questions]


def test_ten_questions_in_nine_areas_and_each_measure_exists() -> None:
    assert [len(area.questions) for area in areas()] == [10] * 9
    assert len({question.id for question in ALL}) == 90
    statement = queries("maturity")["measures"]
    for question in ALL:
        assert (len(question.thresholds) == 3) == bool(question.measure)
        assert list(question.thresholds) == sorted(question.thresholds)
        assert not question.measure or f"AS {question.measure}" in statement, question.id


@pytest.mark.parametrize(("value", "level"), [(0, 0), (0.9, 0), (1, 1), (2.9, 1), (3, 2), (10, 3), (1e9, 3)])
def test_level(value: float, level: int) -> None:
    (question,) = [one for one in ALL if one.id == "data.datasets"]
    assert question.level(value) == level


def test_averages_and_the_weakest() -> None:
    said = {one.id: 3 for one in ALL} | {
        f"{area}.{name}": 0 for area, name in (("data", "suite"), ("registry", "backup"))
    }
    said |= {one.id: 1 for one in ALL if one.id.startswith("governance.")}
    found = assess(areas(), {}, said)
    assert {one.name: one.average for one in found.areas}["data"] == pytest.approx(2.7)
    assert [one.name for one in found.weakest] == ["governance", "data", "registry"]
    assert found.average == pytest.approx((2.7 + 2.7 + 1 + 6 * 3) / 9)
    assert found.document()["weakest"][1]["questions"] == ["data.suite"]


def test_evidence_counts_before_what_is_said() -> None:
    found = assess(
        areas(), {"datasets": 3.0, "runs_on_datasets": None}, {"data.datasets": 0, "data.runs_on_datasets": 2}
    )
    answers = {one.id: one for one in found.areas[0].answers}
    assert (answers["data.datasets"].level, answers["data.datasets"].source) == (2, "evidence")
    assert (answers["data.runs_on_datasets"].level, answers["data.runs_on_datasets"].source) == (2, "said")
    assert found.ignored == ["data.datasets: 0 was said, the evidence is 2"]


def test_nothing_known_is_no_zero() -> None:
    found = assess(areas(), {}, {})
    assert (found.average, found.weakest) == (None, [])
    assert len(unanswered(areas(), {}, {})) == 90
    assert len(unanswered(areas(), {"datasets": 0.0}, {"data.suite": 1})) == 88


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.toml", '"data.suite" = 4', "data.suite: 4 is no level"),
        ("a.toml", '"data.suite" = -1', "-1 is no level"),
        ("a.toml", '"data.suite" = 1.5', "1.5 is no level"),
        ("a.toml", '"data.suite" = true', "True is no level"),
        ("a.toml", '"data.siute" = 1\n"x" = 1', "data.siute: there is no such question; x: there is no such question"),
        ("a.toml", '"data.suite" = ', "is no whole TOML file"),
        ("a.json", '{"data.suite": 1', "is no whole JSON file"),
        ("a.json", "[1]", "expected question = level"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(AnswersRefused) as refused:
        read_answers(tmp_path / name)
    assert message in str(refused.value)
    assert name in str(refused.value)
    with pytest.raises(AnswersRefused, match="can't be read"):
        read_answers(tmp_path / "none.toml")


def test_files_that_are_taken(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[data]\nsuite = 2\n[governance]\nrisk = 0\n")
    (tmp_path / "a.json").write_text(json.dumps({"data.suite": 2, "governance.risk": 0}))
    assert read_answers(tmp_path / "a.toml") == read_answers(tmp_path / "a.json") == {
        "data.suite": 2, "governance.risk": 0,
    }  # fmt: skip
