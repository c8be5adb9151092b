"""A change of model as text."""

from collections.abc import Iterator
from datetime import UTC, datetime
from textwrap import wrap
from typing import Any

_WIDTH = 100
_LABEL = 17


def clock(time: int) -> str:
    """Hours and minutes of a time in ns UTC."""
    return datetime.fromtimestamp(time // 1_000_000_000, UTC).strftime("%H:%M")


def change_lines(change: dict[str, Any]) -> Iterator[str]:
    """Shadow, verdict, both swaps, who served which bars on each partition, and what `live-at` answers."""
    yield f"a change of model in the session, strategy {change['strategy']} (SIMULATED)"
    yield from labelled("shadow", *_shadow(change["shadow"]))
    yield from labelled("compared", *_verdict(change["comparison"]))
    for swap in change["swaps"]:
        yield from labelled("promoted" if swap["action"] == "activate" else "rolled back", *_swap(swap))
    for partition, spans in change["served"].items():
        served = (f"{one['model']} {clock(one['first'])} to {clock(one['last'])}" for one in spans)
        yield from labelled(f"partition {partition}", " · ".join(served))
    for one in change["live_at"]:
        yield from labelled(f"live-at {clock(one['at'])}", _answer(one))


def labelled(label: str, *texts: str) -> Iterator[str]:
    """Texts below each other beside a label, each wrapped to the report's width."""
    lines = [line for text in texts for line in wrap(text, _WIDTH - _LABEL, break_long_words=False)]
    for number, line in enumerate(lines):
        yield f"  {label if number == 0 else '':<{_LABEL - 2}}{line}"


def _shadow(one: dict[str, Any] | None) -> Iterator[str]:
    if one is None:
        yield "no bar was answered by a shadow"
        return
    yield (
        f"{one['shadow']} from {clock(one['first'])} to {clock(one['last'])}: {one['compared_bars']} of {one['bars']}"
        f" bars compared, {one['compared']:,} of {one['live_rows']:,} rows"
    )
    if one["direction_rate"] is not None:
        yield f"directions differ in {one['direction_rate']:.1%}, {one['direction_opposite']:,} rows long against short"


def _verdict(one: dict[str, Any] | None) -> Iterator[str]:
    if one is None:
        yield "never"
        return
    rows = "" if one["rows"] is None else f" over {one['rows']:,} rows at {one['times']} times"
    yield f"{one['challenger']} with {one['champion']}{rows}: {one['decision']}"
    yield from one["reasons"]


def _swap(one: dict[str, Any]) -> Iterator[str]:
    closed = ", ".join(gate["name"] for gate in one["gates"] if not gate["passed"])
    gates = f", FORCED past {closed}" if one["forced"] else ", all gates open" if one["gates"] else ""
    yield f"{one['replaces']} → {one['model']} from the bar of {clock(one['effective_from'])} on{gates}"
    if one["forced"]:
        yield f"reason: {one['reason']}"
    if one["received_s"] is None:
        yield "received nowhere"
    else:
        yield f"received on {len(one['received_on'])} partitions {one['received_s']:.2f} s after it was issued"


def _answer(one: dict[str, Any]) -> str:
    live = " and ".join(one["live"]) or "no model"
    shadows = f", shadow {', '.join(one['shadows'])}" if one["shadows"] else ""
    return f"{live}{shadows}{'' if one['final'] else ' (not final)'}"
