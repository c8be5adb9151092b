"""The table of backtests: one whose files are not what a backtest writes says why, and hides no other."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from infra.settings import load_settings
from signaltape.console.runs.backtests import Backtests, one_backtest
from signaltape.console.runs.result_file import MOST_RESULT_BYTES
from signaltape.serving.errors import ServingError
from tests.support.console_runs import written

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    written(load_settings(home=folder), "whole", notes=("a note",))
    return folder


@pytest.fixture
def beside(home: Path) -> Any:
    """A copy of the whole one, to be harmed."""
    folder = home / "backtests" / "beside"
    shutil.copytree(home / "backtests" / "whole", folder)
    yield folder
    shutil.rmtree(folder)


def lines(home: Path) -> dict[str, Any]:
    """The table's lines by name, as they go over the wire."""
    table = orjson.loads(orjson.dumps(Backtests(load_settings(home=home)).table()))
    return {line["name"]: line for line in table["backtests"]}


def test_what_a_backtest_writes_is_read(home: Path) -> None:
    line = lines(home)["whole"]
    assert line["problem"] == ""
    known = Backtests(load_settings(home=home))
    shown = orjson.loads(orjson.dumps(one_backtest(known.find(line["id"]))))
    assert (shown["notes"], shown["course"]["problem"]) == (["a note"], "")
    assert shown["by_symbol"]


def put(*place: Any) -> Callable[[Any], None]:
    """Set the value at a place; the last of ``place`` is the value."""

    def change(document: Any) -> None:
        *path, last, value = place
        for name in path:
            document = document[name]
        document[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (put("metrics", "sharpe", 1.5), "metrics.sharpe: "),
        (put("metrics", "sharpe", {"value": "high", "unit": "ratio"}), "metrics.sharpe.value: "),
        (put("metrics", "sharpe", {"value": 1.0}), "metrics.sharpe.unit: Field required"),
        (put("metrics", []), "metrics: "),
        (put("request", None), "request: "),
        (put("request", {"source": "store", "trading": {"capital": "much"}}), "request.trading.capital: "),
        (put("notes", 7), "notes: "),
        (put("notes", [{}]), "notes.0: "),
        (put("first_close", 5), "first_close: "),
        (put("model", ["m"]), "model: "),
        (put("by_symbol", [{"symbol": "A"}]), "by_symbol.0.costs: Field required"),
        (put("by_symbol", {"A": 1}), "by_symbol: "),
        (put("by_month", 0, "return", None), "by_month.0.return: "),
        (put("counts", {"bars": None}), "counts.bars: "),
        (put("format", 2), "has format 2, this release reads 1"),
        (lambda document: document.pop("format"), "has format None"),
        (lambda document: document.pop("metrics"), "metrics: Field required"),
    ],
)
def test_a_result_of_another_form_says_where(
    change: Callable[[Any], None], reason: str, home: Path, beside: Path
) -> None:
    document = json.loads((beside / "result.json").read_text())
    change(document)
    check_unreadable(home, beside, json.dumps(document).encode(), reason)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[]", "holds no result"),
        (b"null", "holds no result"),
        (b"[" * 5_000, "can't be read"),
        (b'{"format": 1, "model": NaN}', "can't be read"),
        (b'{"format": 1, "model": "\\ud800"}', "can't be read"),
        (b"\xff\xfe", "can't be read"),
        (b" " * (MOST_RESULT_BYTES + 1), "more than a page reads"),
    ],
    ids=["list", "null", "deep", "nan", "surrogate", "no-text", "large"],
)
def test_what_is_no_result_at_all_says_so(content: bytes, reason: str, home: Path, beside: Path) -> None:
    check_unreadable(home, beside, content, reason)


def check_unreadable(home: Path, beside: Path, content: bytes, reason: str) -> None:
    (beside / "result.json").write_bytes(content)
    found = lines(home)
    assert reason in found["beside"]["problem"]
    assert found["whole"]["problem"] == ""
    assert found["whole"]["metrics"]["total_return"]["value"] is not None
    with pytest.raises(ServingError, match=r"result\.json") as caught:
        one_backtest(Backtests(load_settings(home=home)).find(found["beside"]["id"]))
    assert caught.value.code == "unreadable"


def test_numbers_beyond_64_bits_are_shown_as_such_numbers_are(home: Path, beside: Path) -> None:
    document = json.loads((beside / "result.json").read_text())
    document["request"]["trading"]["max_names"] = 10**30
    (beside / "result.json").write_text(json.dumps(document))
    known = Backtests(load_settings(home=home))
    orjson.dumps(one_backtest(known.find(lines(home)["beside"]["id"])))


def test_a_folder_whose_name_is_no_text_is_listed(home: Path, beside: Path) -> None:
    odd = os.fsencode(home / "backtests") + b"/odd-\xff"
    shutil.copytree(os.fsencode(beside), odd)
    try:
        line = lines(home)["odd-�"]
        assert Backtests(load_settings(home=home)).find(line["id"]).line["problem"] == ""
    finally:
        shutil.rmtree(odd)


@pytest.mark.parametrize("content", [b"PAR1 no file of the kind", b""])
def test_a_course_that_can_not_be_read_leaves_the_figures(content: bytes, home: Path, beside: Path) -> None:
    (beside / "equity.parquet").write_bytes(content)
    shown = one_backtest(Backtests(load_settings(home=home)).find(lines(home)["beside"]["id"]))
    assert "equity.parquet can't be read" in shown["course"]["problem"]
    assert shown["figures"]
