"""Replays as text: progress while one runs, and what came of it."""

import json
import sys
from dataclasses import asdict
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from schemas.signals import Signal
from signaltape.cli.signals import signal_line
from signaltape.replay.record import ReplayRecord
from signaltape.replay.request import ReplayRequest
from signaltape.replay.run import Listener, ReplayReport

_DAYS_SHOWN = 5


class Told:
    """What a person sees of a replay that runs: signals on stdout, everything else on stderr."""

    def __init__(self, request: ReplayRequest, *, signals: bool, as_json: bool) -> None:
        self._as_json = as_json
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._terminal = console.is_terminal
        # Where stdout goes elsewhere, signals must not end up on the terminal that shows the progress.
        together = sys.stdout.isatty()
        self._progress = Progress(
            *columns, console=console, transient=True, disable=not self._terminal, redirect_stdout=together
        )
        self._task = self._progress.add_task(f"replay {request.name.ident}", total=None)
        self.listener = Listener(say=self._say, progress=self._move, signal=self._signal if signals else None)

    def __enter__(self) -> "Told":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def _say(self, text: str) -> None:
        self._progress.console.print(f"▸ {text}", markup=False, highlight=False, soft_wrap=True)

    def _move(self, progress: dict[str, Any]) -> None:
        waiting = ", ".join(f"{count:,} before {stage}" for stage, count in progress["waiting"].items() if count)
        if "bars" not in progress:
            text = f"waiting: {waiting}"
        else:
            text = f"{progress['event_time']}  {progress['bars_per_s']:,} bars/s" + (f"  {waiting}" if waiting else "")
            self._progress.update(self._task, completed=progress["bars"], total=progress["of"])
        self._progress.update(self._task, description=text)
        if not self._terminal:
            done = f"  {progress['bars']:,} of {progress['of']:,} bars" if "bars" in progress else ""
            print(f"  {text}{done}", file=sys.stderr, flush=True)

    def _signal(self, signal: Signal) -> None:
        typer.echo(json.dumps({"kind": "Signal"} | asdict(signal)) if self._as_json else signal_line(signal))


def report_text(report: ReplayReport, *, removed: bool) -> str:
    """What came of a replay."""
    made, days, place = report.counts, report.missing_days, report.place
    text = (
        f"replay {report.ident}: {report.bars:,} bars of the range from the {report.source}, after "
        f"{report.lead_bars:,} before it, in {report.seconds:g} s ({report.rate:,.0f} bars/s, start-up included)\n"
        f"  {made.features:,} feature rows, {made.predictions:,} predictions, {made.signals:,} signals, "
        f"{made.alerts:,} alerts\n"
    )
    if days:
        more = f" and {len(days) - _DAYS_SHOWN} more" if len(days) > _DAYS_SHOWN else ""
        text += f"  no bar on these weekdays (holidays, or a gap): {', '.join(days[:_DAYS_SHOWN])}{more}\n"
    text += "".join(f"  ! {note}\n" for note in report.notes)
    if removed:
        return text + "  everything that it made is removed"
    return text + (
        f"  topics {place['topics']}, schema {place['schema']}, Redis keys {place['redis']}, logs in "
        f"{place['folder']}/logs\n"
        f"  `signaltape replay remove {report.ident}` removes them"
    )


def record_line(record: ReplayRecord) -> str:
    """One line of `replay list`."""
    asked = record.request
    return (
        f"{record.ident:<20} {record.state:<10} {asked['from']} to {asked['to']}  {asked['source']}  {asked['speed']}"
    )


def record_text(record: ReplayRecord) -> str:
    """What `replay show` prints."""
    lines = [record_line(record)]
    if record.detail:
        lines.append(f"  {record.detail}")
    for name, value in record.progress.items():
        shown = f"{value:,}" if isinstance(value, int) else value
        if isinstance(value, dict):
            shown = ", ".join(f"{count:,} {stage}" for stage, count in value.items())
        lines.append(f"  {name:<12} {shown}")
    return "\n".join(lines)
