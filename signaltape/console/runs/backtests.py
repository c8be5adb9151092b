"""Backtests whose results lie below ``<home>/backtests``: a table, the figures of one, its course, its report."""

import hashlib
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from infra.settings import Settings
from schemas.fields import F8Array, I8Array
from signaltape.backtest.figures import FIGURES
from signaltape.console.runs.result_file import Unreadable, read_result
from signaltape.serving.errors import ServingError

#: Backtests in the table, and the largest report that is shown.
MOST, MOST_REPORT_BYTES = 200, 32 * 1024 * 1024
#: Points of a course, and bar times that it is made of at the most.
POINTS, MOST_BAR_TIMES = 800, 5_000_000
_SUMMARY = ("total_return", "annual_return", "sharpe", "max_drawdown", "turnover", "hit_rate_trades",
            "information_coefficient", "costs", "trades")  # fmt: skip
_ROWS = 400


@dataclass(frozen=True, slots=True)
class Known:
    """A backtest's folder, when its result was written, and its line of the table; not the whole result."""

    ident: str
    folder: Path
    line: Mapping[str, Any]


class Backtests:
    """A table of what there is, by an id that is made of the folder's name; read anew where a file has changed."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.home / "backtests"
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[tuple[int, int], Known]] = {}

    def table(self) -> dict[str, Any]:
        """The newest complete ones: ``result.json`` is the last file that a backtest writes."""
        found = self._results()
        shown = [self._known(path, stamp) for stamp, path in found[:MOST]]
        with self._lock:  # what is not shown any more is not held
            self._kept = {one.ident: self._kept[one.ident] for one in shown if one.ident in self._kept}
        return {
            "backtests": [one.line for one in shown],
            "all": len(found),
            "limit": MOST,
            "truncated": len(found) > MOST,
        }

    def find(self, ident: str) -> Known:
        """One of them, in the table or not. Raises ServingError (``unknown_backtest``)."""
        for stamp, path in self._results():
            if _ident(path.parent) == ident:
                return self._known(path, stamp)
        raise ServingError("unknown_backtest", "there is no such backtest here any more", "id")

    def _results(self) -> list[tuple[tuple[int, int], Path]]:
        """((written, size), path) of every result, the newest first."""
        found = []
        for path in self._folder.glob("*/result.json"):
            try:
                about = path.stat()
            except OSError:  # it was removed meanwhile
                continue
            found.append(((about.st_mtime_ns, about.st_size), path))
        return sorted(found, reverse=True)

    def _known(self, path: Path, stamp: tuple[int, int]) -> Known:
        ident = _ident(path.parent)
        with self._lock:
            held = self._kept.get(ident)
        if held is not None and held[0] == stamp:
            return held[1]
        made = Known(ident, path.parent, _line(ident, path, stamp[0]))
        with self._lock:
            self._kept[ident] = (stamp, made)
        return made


def _ident(folder: Path) -> str:
    return hashlib.sha256(os.fsencode(folder.name)).hexdigest()[:16]


def _line(ident: str, path: Path, written: int) -> dict[str, Any]:
    """A line of the table; of a result that can't be read its name, and why."""
    found, problem = {}, ""
    try:
        found = read_result(path)
    except Unreadable as error:
        problem = str(error)
    metrics = found.get("metrics", {})
    return {
        "id": ident,
        "name": os.fsencode(path.parent.name).decode(errors="replace"),
        "written": written,
        "problem": problem,
        **{name: found.get(name) for name in ("model", "interval", "first_close", "last_close", "sessions")},
        "source": found.get("request", {}).get("source"),
        "notes": len(found.get("notes", ())),
        "metrics": {name: metrics.get(name) for name in _SUMMARY},
    }


def one_backtest(one: Known) -> dict[str, Any]:
    """All that a page shows of a backtest; the long tables are cut and say so. Raises ServingError (``unreadable``)."""
    try:
        found = read_result(one.folder / "result.json")
    except Unreadable as error:
        raise ServingError("unreadable", str(error), "id") from error
    metrics, symbols = found["metrics"], found["by_symbol"]
    figures = [
        {"name": of.name, "label": of.label, "unit": of.unit, "about": of.about, "value": metrics.get(of.name)}
        for of in FIGURES
    ]
    ordered = sorted(symbols, key=lambda row: -abs(row["net"]))
    report = one.folder / "report.html"
    return {
        **one.line,
        "figures": figures,
        "notes": found["notes"],
        "counts": found["counts"],
        "request": found["request"],
        "by_month": found["by_month"][-_ROWS:],
        "by_symbol": ordered[:_ROWS],
        "symbols": len(symbols),
        "symbols_limit": _ROWS,
        "course": course(one.folder / "equity.parquet", found["request"]["trading"]["capital"]),
        "has_report": report.is_file(),
    }


def report_of(one: Known) -> bytes:
    """The report's page. Raises ServingError where there is none, or it is too large."""
    path = one.folder / "report.html"
    if path.is_symlink() or not path.is_file():
        raise ServingError("no_report", "this backtest has no report.html (any more)", "id")
    if path.stat().st_size > MOST_REPORT_BYTES:
        raise ServingError(
            "too_large", f"the report is larger than {MOST_REPORT_BYTES:,} bytes: open it from disk", "id"
        )
    return path.read_bytes()


def course(path: Path, capital: float) -> dict[str, Any]:
    """Equity and drawdown at ``POINTS`` points: of each stretch the last, lowest and highest equity, deepest drawdown.

    ``drawdown`` is a share of the highest equity up to there, ``capital`` at the start included.
    """
    if path.is_symlink() or not path.is_file():
        return {"time": [], "problem": "there is no equity.parquet beside the result"}
    try:
        with pq.ParquetFile(path) as file:
            if file.metadata.num_rows > MOST_BAR_TIMES:
                return {"time": [], "problem": f"more than {MOST_BAR_TIMES:,} bar times: open the report"}
            rows = file.read(columns=["event_time", "equity"])
        time: I8Array = np.asarray(rows["event_time"].cast("int64").to_numpy(), np.int64)
        equity: F8Array = np.asarray(rows["equity"].to_numpy(), np.float64)
    except (pa.ArrowException, OSError, KeyError, ValueError, TypeError) as error:
        return {"time": [], "problem": f"equity.parquet can't be read: {error!s:.200}"}
    if not len(time):
        return {"time": [], "problem": "no bar time was simulated"}
    fall = 1 - equity / np.maximum(np.maximum.accumulate(equity), capital)
    starts = np.unique(np.linspace(0, len(time), min(POINTS, len(time)), endpoint=False).astype(np.int64))
    ends = np.append(starts[1:], len(time)) - 1
    return {
        "time": time[ends].tolist(),
        "equity": equity[ends].tolist(),
        "low": np.minimum.reduceat(equity, starts).tolist(),
        "high": np.maximum.reduceat(equity, starts).tolist(),
        "drawdown": np.maximum.reduceat(fall, starts).tolist(),
        "bar_times": len(time),
        "problem": "",
    }
