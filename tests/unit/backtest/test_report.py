"""Result, summary and report of short, wide and long ranges, of accounts that lost everything or never traded."""

import json
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipeline.drift.results import Insufficient
from pipeline.trading.options import TradingOptions
from pipeline.trading.section import Section
from signaltape.backtest.document import document
from signaltape.backtest.figures import FIGURES
from signaltape.backtest.result import Backtest
from signaltape.backtest.summaries import write_summaries
from signaltape.backtest.text import summary
from tests.support.backtests import backtested, daily_closes, minute_closes, sections

WARNING = "m:1 was trained & calibrated on <these> bars"
RUIN = TradingOptions(weight=50.0, max_weight=50.0, max_gross=500.0)
RANGES: dict[str, tuple[Iterator[Section], str, TradingOptions | None]] = {
    "a session": (sections(minute_closes(1), symbols=25, interval="1m", often=0.3), "1m", None),
    "12 sessions": (sections(minute_closes(12, 60), symbols=200, interval="1m", often=0.2), "1m", None),
    "ten years": (sections(daily_closes(2520), symbols=25, interval="1d", often=0.9), "1d", None),
    "no signal": (sections(daily_closes(30), symbols=2, interval="1d", often=0.0), "1d", None),
    "ruin": (sections(daily_closes(60), symbols=5, interval="1d", often=0.5, skill=-1.0), "1d", RUIN),
    "one bar": (sections(daily_closes(1), symbols=1, interval="1d"), "1d", None),
}


@pytest.fixture(scope="module", params=RANGES)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Backtest:
    course, interval, trading = RANGES[request.param]
    folder = tmp_path_factory.mktemp("backtest")
    found, prices = backtested(folder, course, interval=interval, trading=trading, notes=(WARNING,))
    write_summaries(found, prices)
    return found


def result(made: Backtest) -> dict[str, Any]:
    text = (made.folder / "result.json").read_text()
    found: dict[str, Any] = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} in result.json"))
    return found


def test_every_figure_is_a_number_or_says_why_there_is_none(made: Backtest) -> None:
    figures: Mapping[str, Any] = result(made)["metrics"]
    assert list(figures) == [one.name for one in FIGURES]
    for name, one in figures.items():
        assert one["unit"], name
        if one["value"] is None:
            assert one["reason"], name
        else:
            assert math.isfinite(one["value"]), name


def test_the_result_adds_up_with_the_files(made: Backtest) -> None:
    found, metrics = result(made), made.metrics
    equity = pq.read_table(made.folder / "equity.parquet")
    assert equity.num_rows == made.counts.bar_times
    assert found["metrics"]["final_equity"]["value"] == equity["equity"][-1].as_py()
    trades = pq.read_table(made.folder / "trades.parquet")
    assert found["metrics"]["trades"]["value"] == trades.num_rows == sum(one["trades"] for one in found["by_symbol"])
    held = pq.read_table(made.folder / "positions.parquet")
    assert held.num_rows == found["open_positions"] == equity["held"][-1].as_py()
    net = math.fsum(one["net"] for one in found["by_symbol"])
    assert net == pytest.approx(metrics.equity - metrics.capital, abs=1e-6 * max(abs(metrics.equity), 1.0))
    grown = math.prod(1 + one["return"] for one in found["by_month"])
    if metrics.bankrupt_time is None:
        assert grown == pytest.approx(metrics.equity / metrics.capital, rel=1e-9)
    assert found == json.loads(json.dumps(document(made), allow_nan=False))


class Page(HTMLParser):
    """What stands in a page, and whether its elements are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.titles: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["h2"]:
            self.titles.append(data)


def test_the_report_is_whole_and_needs_nothing_else(made: Backtest) -> None:
    raw = (made.folder / "report.html").read_bytes()
    text = raw.decode()
    page = Page(text)
    assert page.open == []
    tags = {tag for tag, _ in page.seen}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed"}
    loading = {"src", "href", "onload", "onclick", "xlink:href", "style"}
    assert not [attributes for _, attributes in page.seen if loading & set(attributes)]
    assert "@import" not in text
    assert "url(" not in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "nan" not in re.findall(r"[a-z]+", text)
    assert len(raw) < 1_000_000


def test_the_warning_stands_before_all_figures(made: Backtest) -> None:
    text = (made.folder / "report.html").read_text()
    said = text.index("m:1 was trained &amp; calibrated on &lt;these&gt; bars")
    assert said < text.index("<table") < text.index("<svg")
    lines = summary(made).splitlines()
    assert lines[1] == f"  ! {WARNING}"


def drawings(made: Backtest) -> Iterator[ET.Element]:
    for text in re.findall(r"<svg.*?</svg>", (made.folder / "report.html").read_text(), re.DOTALL):
        yield ET.fromstring(text)


def test_nothing_is_drawn_outside_its_picture(made: Backtest) -> None:
    """Every point lies in the frame; every picture says what it is."""
    for drawing in drawings(made):
        assert drawing.get("aria-label")
        width, height = (float(drawing.get(name, "")) for name in ("width", "height"))
        for element in drawing.iter():
            for number in re.findall(r"(-?[\d.]+),(-?[\d.]+)", element.get("points", "")):
                assert -1 <= float(number[0]) <= width + 1
                assert -1 <= float(number[1]) <= height + 1
            for name, most in (("x", width), ("y", height)):
                assert -1 <= float(element.get(name, "0")) <= most + 1


def test_short_ranges_are_shown_by_session_and_long_ones_by_month(made: Backtest) -> None:
    (cells,) = [one for one in drawings(made) if str(one.get("aria-label")).startswith("return of each")]
    squares = [one for one in cells.iter() if one.tag.endswith("rect")]
    if cells.get("aria-label") == "return of each session":
        assert len(squares) == made.metrics.sessions
        assert (np.datetime64(made.sessions.name[-1]) - np.datetime64(made.sessions.name[0])).astype(int) < 62
    else:
        years = {name[:4] for name in made.months.name}
        assert len(squares) == len(made.months.name) + len(years)


def test_at_most_four_symbols_are_drawn_those_with_the_most_trades(made: Backtest) -> None:
    drawn = [str(one.get("aria-label")) for one in drawings(made) if str(one.get("aria-label")).startswith("price")]
    by = made.by_symbol
    most = sorted(zip((-by.trades).tolist(), (-by.traded).tolist(), by.symbol, strict=True))[:4]
    assert drawn == [f"price, signals and positions of {symbol}" for *_, symbol in most]


def test_the_summary_says_what_there_is_too_little_of(made: Backtest) -> None:
    text = summary(made)
    assert "nan" not in text
    sharpe = made.metrics.sharpe
    (line,) = [one for one in text.splitlines() if one.startswith("  Sharpe ratio")]
    if isinstance(sharpe, Insufficient):
        assert line.split(maxsplit=2)[2].startswith("–  " + sharpe.reason)
    else:
        assert f"{sharpe.value:.2f}  ± {sharpe.standard_error:.2f}" in line
    assert max(map(len, text.splitlines()[2:-1])) <= 120


def test_names_from_outside_are_text(tmp_path: Path) -> None:
    course = list(sections(daily_closes(40), symbols=1, interval="1d", often=1.0))
    name = ("<b>&amp;\"'",)
    named = [
        replace(
            one,
            bars=(replace(one.bars[0], symbols=name),),
            signals=tuple(replace(columns, symbol=name) for columns in one.signals),
        )
        for one in course
    ]
    found, prices = backtested(tmp_path, iter(named), interval="1d")
    write_summaries(found, prices)
    text = (tmp_path / "report.html").read_text()
    assert "<b>" not in text
    assert Page(text).open == []
    assert any("<b>" in str(one.get("aria-label")) for one in drawings(found))
