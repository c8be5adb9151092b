"""Expectations of data: each catches what it is for, at its bound, and says so."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from signaltape.__main__ import main
from signaltape.validation import (
    Expectation,
    Frame,
    Suite,
    ValidationError,
    baseline,
    derive,
    frame_of_content,
    read_suite,
    save_suite,
    validate,
)
from tests.support.dataset_examples import content_of_bars, write
from tests.support.training_bars import simulated

HOUR = 3_600 * 1_000_000_000
FEATURES = ("a", "b")


def frame_with(**columns: object) -> Frame:
    """1,000 sound rows of two symbols, or with other columns."""
    rng = np.random.default_rng(1)
    sound: dict[str, np.ndarray] = {
        "symbol": np.array(["X", "Y"] * 500, dtype=object),
        "event_time": np.repeat(np.arange(500, dtype=np.int64), 2) * HOUR,
        "label_time": np.repeat(np.arange(1, 501, dtype=np.int64), 2) * HOUR,
        "label": rng.normal(0.0, 0.01, 1_000),
        "a": rng.normal(0.0, 1.0, 1_000),
        "b": rng.normal(5.0, 1.0, 1_000),
    }
    changed = {name: np.asarray(column) for name, column in columns.items()}
    return Frame(columns={**sound, **changed}, features=FEATURES, as_of=500 * HOUR)


def put(column: np.ndarray, row: int, value: object) -> np.ndarray:
    made = column.copy()
    made[row] = value
    return made


SOUND = frame_with()


def failed(frame: Frame, suite: Suite | None = None) -> list[str]:
    found = validate(frame, suite or baseline(FEATURES), "f" * 64)
    return [one.line() for one in (*found.of("failed"), *found.of("warning"))]


def test_sound_data_passes() -> None:
    found = validate(SOUND, baseline(FEATURES), "f" * 64)
    assert found.passed
    assert {one.verdict for one in found.findings} == {"passed"}
    found.raise_if_failed()


@pytest.mark.parametrize(
    ("columns", "critical", "line"),
    [
        ({"label": put(SOUND.columns["label"], 7, np.nan)}, True, "not_null of label: 99.90% of the rows have a value"),
        (
            {"label": put(SOUND.columns["label"], 7, np.inf)},
            True,
            "range of label: 99.900% of the values are within",
        ),
        ({"label": np.full(1_000, 0.25)}, True, "varies of label: every row has the value 0.25"),
        ({"label": put(SOUND.columns["label"], 7, 1.01)}, False, "range of label: .* outside: 1, from 1.01 to 1.01"),
        ({"a": put(SOUND.columns["a"], 3, -np.inf)}, True, "range of a: .* outside: 1, from -inf to -inf"),
        ({"b": np.full(1_000, np.nan)}, False, "not_null of b: 0.00% of the rows have a value"),
        ({"symbol": put(SOUND.columns["symbol"], 3, "")}, True, "not_null of symbol: 99.90%"),
        (
            {
                "event_time": put(SOUND.columns["event_time"], 2, 0),
                "label_time": put(SOUND.columns["label_time"], 2, HOUR),
            },
            True,
            "unique: 1 rows repeat the symbol, event_time, label_time",
        ),
    ],
)
def test_what_is_wrong_is_named(columns: dict[str, object], critical: bool, line: str) -> None:
    found = validate(frame_with(**columns), baseline(FEATURES), "f" * 64)
    lines = [one.line() for one in found.of("failed" if critical else "warning")]
    assert any(line.split(" .* ")[0] in one and line.split(" .* ")[-1] in one for one in lines), lines
    assert found.passed is not critical
    if critical:
        with pytest.raises(ValidationError, match=r"the data fails 1 critical check: .*Nothing was trained on it"):
            found.raise_if_failed()


@pytest.mark.parametrize(("rows", "held"), [(1_000, True), (999, False)])
def test_a_thousand_rows_are_enough(rows: int, held: bool) -> None:
    frame = Frame(
        columns={name: column[:rows] for name, column in SOUND.columns.items()}, features=FEATURES, as_of=500 * HOUR
    )
    assert validate(frame, baseline(FEATURES), "f").passed is held


@pytest.mark.parametrize(
    ("as_of", "verdict"),
    [(499 + 168, "passed"), (499 + 169, "warning"), (None, "not applicable")],
)
def test_seven_days_are_fresh(as_of: int | None, verdict: str) -> None:
    frame = replace(SOUND, as_of=None if as_of is None else as_of * HOUR)
    (found,) = (one for one in validate(frame, baseline(FEATURES), "f").findings if one.expectation.kind == "fresh")
    assert found.verdict == verdict


def test_no_rows_at_all() -> None:
    frame = Frame(columns={name: column[:0] for name, column in SOUND.columns.items()}, features=FEATURES, as_of=None)
    assert any("0 rows, needed are 1,000" in line for line in failed(frame))


def test_a_reference_passes_its_own_suite_and_another_market_does_not() -> None:
    suite = derive(SOUND, "ref", "f" * 64)
    assert failed(SOUND, suite) == []
    shifted = frame_with(
        a=np.asarray(SOUND.columns["a"]) + 20.0,
        b=np.where(np.arange(1_000) % 20 == 0, np.nan, SOUND.columns["b"]),
        symbol=put(SOUND.columns["symbol"], 0, "NEW"),
    )
    lines = failed(replace(shifted, as_of=5_000 * HOUR), suite)
    assert [line.split(":")[0] for line in lines] == [
        "allowed of symbol",
        "fresh of event_time",
        "range of a",
        "not_null of b",
    ]
    assert "1 others: NEW" in lines[0]


def test_a_column_that_is_gone_fails() -> None:
    suite = derive(SOUND, "ref", "f")
    gone = Frame(
        columns={name: column for name, column in SOUND.columns.items() if name != "b"}, features=("a",), as_of=0
    )
    assert "range of b: there is no such column" in failed(gone, suite)


def one_expectation(**values: str) -> str:
    document = {"format": 1, "name": "x", "version": 1, "derived_from": "", "expectations": [values]}
    return json.dumps(document)


def test_files_of_suites_have_versions(tmp_path: Path) -> None:
    path = tmp_path / "suites" / "equities.json"
    first = save_suite(path, derive(SOUND, "equities", "one"))
    assert (read_suite(path), first.version) == (first, 1)
    assert save_suite(path, derive(SOUND, "equities", "one")) == first  # nothing new: no new version
    second = save_suite(path, derive(frame_with(a=np.zeros(1_000)), "equities", "two"))
    assert (read_suite(path), second.version) == (second, 2)
    assert read_suite(tmp_path / "suites" / "equities.v1.json") == first
    assert second.sha256 != first.sha256


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "not a suite of expectations"),
        ('{"format": 7}', "has format 7"),
        ('{"format": 1, "name": "x", "version": 1, "derived_from": ""}', "not a suite"),
        (one_expectation(kind="guess", severity="critical"), "kind 'guess' is not one of rows"),
        (one_expectation(kind="range", severity="fatal", column="a"), "severity 'fatal' is not critical or warning"),
        (one_expectation(kind="range", severity="warning"), "range: which column"),
    ],
)
def test_a_file_that_is_no_suite_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "suite.json"
    path.write_text(text)
    with pytest.raises(ValidationError, match=message):
        read_suite(path)
    with pytest.raises(ValidationError, match=message):
        save_suite(path, Suite(name="x", expectations=()))
    assert path.read_text() == text


def test_the_rules_of_the_baseline_stay_in_force() -> None:
    """A suite of one's own adds to them: it can't let a constant label through."""
    own = Suite(name="own", expectations=(Expectation(kind="rows", severity="warning", minimum=5.0),))
    found = validate(frame_with(label=np.zeros(1_000)), own.with_rules_of(baseline(FEATURES)), "f")
    assert not found.passed
    assert found.suite.name == "own"


def test_results_as_json_and_as_a_page() -> None:
    frame = frame_with(symbol=np.array(["<b>", "Y"] * 500, dtype=object), label=np.zeros(1_000))
    suite = derive(SOUND, "ref & co", "f").with_rules_of(baseline(FEATURES))
    found = validate(frame, suite, "f" * 64)
    document = json.loads(found.to_json())
    assert document["passed"] is False
    assert document["failed"] == ["varies of label: every row has the value 0.0"]
    assert document["suite"]["sha256"] == suite.sha256
    assert document["statistics"]["a"]["mean"] == pytest.approx(SOUND.columns["a"].mean())
    kinds = {(one["kind"], one.get("column", "")): one["verdict"] for one in document["findings"]}
    assert kinds["varies", "label"] == "failed"
    html = found.to_html().decode()
    assert "ref &amp; co" in html
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    assert html.index("every row has the value 0.0") < html.index("1,000 rows, needed are")  # what failed comes first


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["signaltape", "dataset", "validate", *map(str, arguments)])
    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def test_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    content = content_of_bars(simulated(symbols=4, sessions=1))
    write(tmp_path / "set", content)
    suite = tmp_path / "suite.json"
    assert call(monkeypatch, tmp_path / "set", "--derive", suite) == 0
    assert "version 1" in capsys.readouterr().out
    assert call(monkeypatch, tmp_path / "set", "--suite", suite, "--out", tmp_path / "report", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["passed"], document["warnings"]) == (True, [])
    assert json.loads((tmp_path / "report" / "validation.json").read_text()) == document
    assert "Data validation: passed" in (tmp_path / "report" / "validation.html").read_text()
    # The data is years old: fresh as of its own time, not by the clock.
    assert call(monkeypatch, tmp_path / "set", "--suite", suite, "--now") == 0
    assert "warn fresh of event_time" in capsys.readouterr().out
    write(tmp_path / "flat", replace(content, label=np.zeros(len(content))))
    assert call(monkeypatch, tmp_path / "flat", "--suite", suite) == 1
    assert "FAIL varies of label" in capsys.readouterr().out
    assert call(monkeypatch, tmp_path / "set", "--suite", tmp_path / "none.json") == 1
    assert call(monkeypatch, tmp_path / "set", "--suite", suite, "--derive", suite) == 2
    assert frame_of_content(content, None).features == content.terms.features
