"""The processes as text: a table for a terminal, lines where nobody looks. What others wrote is never markup."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from signaltape.cli.fleet_document import FLOW, degraded, up_s
from signaltape.cli.stored_state import age
from signaltape.console.flow.problems import Problem
from signaltape.fleet import Process, Series, View, rate_of

_LEVELS = {"bad": "red", "odd": "yellow", "note": "dim"}
_COLOURS = {"ready": "green", "not ready": "yellow", "silent": "red", "down": "red"}


def fleet_lines(view: View) -> Iterator[str]:
    """Yield a line for each process, then one for whatever is degraded."""
    if not view.processes:
        yield "services  none runs here: `signaltape run all`"
        return
    for one in view.processes:
        yield f"{one.name:<12} {one.state:<10} {_figures(one, view)}{_reason(one)}".rstrip()
    for problem in degraded(view, {}):
        yield f"{problem.level:<9} {_words(problem)}"


def summary_line(view: View, per_second: Mapping[Series, float]) -> str:
    """One line for a look, where lines are all there is."""
    ready = sum(one.state == "ready" for one in view.processes)
    flow = " ".join(f"{name.replace(' ', '_')}={rate_of(per_second, metric, **of):.1f}/s" for name, metric, of in FLOW)
    groups = view.groups()
    # Where no monitor tells it, what the services say themselves.
    waiting = sum(one.messages for one in groups) if groups else sum(one.waiting for one in view.processes)
    shown = [one for one in degraded(view, per_second) if one.level != "note"]
    found = "; ".join(f"{one.what}: {one.why}" if one.why else one.what for one in shown) or "nothing"
    return f"{_time(view)} ready={ready}/{len(view.processes)} {flow} waiting={waiting} degraded: {_plain(found)}"


def fleet_picture(view: View, per_second: Mapping[Series, float], servers: Mapping[str, bool]) -> Group:
    """What `--watch` draws. servers: name → does the local stack's server run; {} where there is none."""
    ready = sum(one.state == "ready" for one in view.processes)
    head = Text.assemble(
        ("signaltape", "bold"),
        f"  {_time(view)}  {ready} of {len(view.processes)} processes ready  ",
        *(
            Text(f" {name} {'runs' if runs else 'DOWN'}", style="green" if runs else "red")
            for name, runs in servers.items()
        ),
    )
    flow = Text("  ").join(
        Text.assemble((f"{rate_of(per_second, metric, **of):,.1f}", "bold"), f" {name}/s") for name, metric, of in FLOW
    )
    parts: list[RenderableType] = [
        head,
        Text(),
        _process_table(view),
        Text(),
        flow,
        Text(),
        _group_table(view),
        Text(),
        _degraded(view, per_second),
    ]
    return Group(*parts)


def _process_table(view: View) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name, side in (
        ("process", "left"),
        ("state", "left"),
        ("waiting", "right"),
        ("memory", "right"),
        ("up", "right"),
    ):
        table.add_column(name, justify=side, no_wrap=True)  # type: ignore[arg-type]
    table.add_column("what is not ready", overflow="fold")
    for one in view.processes:
        running = up_s(one, view)
        table.add_row(
            Text(one.name),
            Text(one.state, style=_COLOURS[one.state]),
            f"{one.waiting:,}" if one.alive else "",
            _memory(one),
            "" if running is None else age(running),
            Text(_reason(one).strip()),
        )
    return table


def _group_table(view: View) -> Table | Text:
    groups = view.groups()
    if not groups:
        return Text("lag of consumer groups: unknown, no monitor tells it (`signaltape run monitor`)", style="dim")
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("consumer group", "topic"):
        table.add_column(name, overflow="fold")
    for name in ("messages wait", "oldest"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in groups:
        style = "yellow" if one.messages else "dim"
        oldest = f"{one.seconds:.1f} s" if one.seconds < 120 else age(one.seconds)
        table.add_row(Text(one.group), Text(one.topic), f"{one.messages:,}", oldest, style=style)
    return table


def _degraded(view: View, per_second: Mapping[Series, float]) -> Panel | Text:
    found = degraded(view, per_second)
    if not found:
        return Text("nothing is degraded", style="green")
    lines = Text("\n").join(Text(_words(one), style=_LEVELS[one.level]) for one in found)
    return Panel(lines, title="degraded", border_style=_LEVELS[found[0].level], title_align="left")


def _figures(one: Process, view: View) -> str:
    running = up_s(one, view)
    if running is None:
        return ""
    return f"{one.waiting:,} wait, {_memory(one)}, up {age(running)}"


def _memory(one: Process) -> str:
    held = one.value("process_resident_memory_bytes")
    return "" if held is None else f"{held / 1e6:.0f} MB"


def _reason(one: Process) -> str:
    parts = [f"{check.name}: {check.detail or 'not ready'}" for check in one.unready()]
    return _plain("  " + "; ".join([*parts, one.error] if one.error else parts)) if parts or one.error else ""


def _words(one: Problem) -> str:
    """What, why, and what to do; a runbook's section is named where one helps."""
    why = f": {one.why}" if one.why else ""
    do = " ".join(part for part in (one.do, f"`{one.command}`" if one.command else "") if part)
    read = f" (runbook: {one.runbook})" if one.runbook else ""
    return _plain(f"{one.what}{why}" + (f" → {do}" if do else "") + read)


def _plain(text: str) -> str:
    """On one line, and without what a terminal would obey."""
    return "".join(char if char.isprintable() else " " for char in text)


def _time(view: View) -> str:
    return f"{datetime.fromtimestamp(view.at_ns / 1e9, UTC):%Y-%m-%d %H:%M:%S}Z"
