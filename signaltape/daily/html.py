"""The report as one self-contained page with plots."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from signaltape.reports.page import Figure, Section, Table, page
from signaltape.reports.plots import Panel, bar_panels
from signaltape.reports.time_plots import Lines, course_plot, timeline

_SERIES, _FEATURES, _ROWS = 12, 20, 60
_TODAY = ("ic", "ic_mean_5", "psi", "sharpe_20", "pnl", "feature_psi_max")


def html(report: Mapping[str, Any], first: date) -> bytes:
    """The page; plots reach from ``first`` to the report's session."""
    last = date.fromisoformat(report["session"])
    made = datetime.fromisoformat(report["made_at"])
    lead = f"{report['state']}; made {made:%Y-%m-%d %H:%M} UTC"
    sections = [
        *([Section(title="Problems", content=report["problems"])] if report["problems"] else []),
        Section(title="Features", content=list(_features(report["features"]))),
        Section(title="Models", content=[_models(report["models"])]),
        Section(title="Drift", content=list(_drift(report, first, last))),
        Section(title="Alerts", content=list(_alerts(report["alerts"], first, last))),
        Section(title="Decisions", content=[_decisions(report["decisions"])]),
    ]
    return page(f"Daily report {report['session']}", lead, sections)


def _features(found: Mapping[str, Any]) -> Iterator[str | Table | Figure]:
    rows = [(one["feature_set"], one["interval"], one["warm"], one["warming"], one["stale"], one["newest"] or "none")
            for one in found["fresh"]]  # fmt: skip
    head = ("set", "interval", "warm", "warming up", "stale", "newest close")
    yield Table(head=head, rows=rows) if rows else "No features are stored yet."
    marks = ", ".join(f"{count:,} {kind}" for kind, count in found["marks"].items()) or "no marks"
    yield f"Bars of the session: {found['bars']:,}, {marks}; {found['open_repairs']} repairs open."
    for one in found["stability"]:
        shown = [row for row in one["psi"] if row["psi"] is not None][:_FEATURES]
        about = f"{one['strategy']}, {one['model']}, session {one['session']}"
        if not shown:
            yield f"PSI of features ({about}): insufficient data for all {one['features']}."
            continue
        names = [row["feature"].split("/")[-1] for row in shown]
        svg = bar_panels(names, [Panel(title="PSI against training", values=[row["psi"] for row in shown])])
        few = f", too little data for {one['insufficient']}" if one["insufficient"] else ""
        yield Figure(
            svg=svg,
            caption=f"PSI by feature ({about}): {one['shifted']} of {one['features']} above 0.25, {one['moved']} "
            f"between 0.10 and 0.25{few}; the greatest {len(shown)}",
        )
    if not found["stability"]:
        yield "PSI of features: insufficient, none was measured."


def _models(found: list[dict[str, Any]]) -> str | Table:
    rows = [
        (one["strategy"], one["live"], one["stage"], one["live_days"], one["age_days"],
         ", ".join(one["shadows"]) or "none", "yes" if one["paused"] else "no")
        for one in found
    ]  # fmt: skip
    head = ("strategy", "live", "stage", "live for days", "age in days", "shadows", "paused")
    return Table(head=head, rows=rows) if rows else "No strategy has a live model."


def _drift(report: Mapping[str, Any], first: date, last: date) -> Iterator[str | Table | Figure]:
    found = report["drift"]
    if not found:
        yield "Insufficient: nothing was measured."
        return
    rows = [(one["strategy"], one["subject"], *(_cell(one["today"].get(name)) for name in _TODAY)) for one in found]
    yield Table(head=("strategy", "series", *_TODAY), rows=rows)
    baselines = {(one["strategy"], one["live"]): one["baseline"] for one in report["models"]}
    for one in found[:_SERIES]:
        about = f"{one['strategy']}, {one['subject']}"
        level = baselines.get((one["strategy"], one["subject"].split("/")[1]))
        if one["ic"]:
            shown = Lines(
                dots=[(date.fromisoformat(at), value) for at, value in one["ic"]],
                line=[(date.fromisoformat(at), mean) for at, _, mean, _ in one["ic_band"]],
                band=[(date.fromisoformat(at), low, high) for at, low, _, high in one["ic_band"]],
                levels=[] if level is None else [(level, "test IC")],
            )
            svg = course_plot(shown, first, last, f"information coefficient of {about}")
            yield Figure(svg=svg, caption=f"IC by session (dots) and its running mean with 95 % band: {about}")
        else:
            yield f"IC of {about}: insufficient data in all {one['sessions']} sessions."
        if one["equity"]:
            shown = Lines(line=[(date.fromisoformat(at), value) for at, value in one["equity"]])
            svg = course_plot(shown, first, last, f"equity of {about}")
            yield Figure(svg=svg, caption=f"Equity of the signal, cumulated log return before costs: {about}")
        else:
            yield f"Equity of {about}: insufficient data."
    if len(found) > _SERIES:
        yield f"Plots of {len(found) - _SERIES} more series are left out; the JSON has them all."


def _alerts(found: Mapping[str, Any], first: date, last: date) -> Iterator[str | Table | Figure]:
    events = [
        (day, one["severity"], one["rule"]) for one in found["window"]
        if first <= (day := _session(one["event_time"])) <= last
    ]  # fmt: skip
    if events:
        yield Figure(svg=timeline(events, first, last, "alerts by day"), caption="Alerts by session and severity")
    else:
        yield f"No alerts from {first} to {last}."
    rows = [(one["severity"], one["rule"], one["strategy"], one["message"]) for one in found["list"][:_ROWS]]
    yield Table(head=("severity", "rule", "strategy", "message"), rows=rows) if rows else "None in this session."


def _decisions(found: list[dict[str, Any]]) -> str | Table:
    rows = [(one["at"][:19], one["kind"], one["strategy"], one["what"], one["why"], one["by_whom"]) for one in found]
    return Table(head=("at", "kind", "strategy", "what", "why", "by"), rows=rows) if rows else "None."


def _session(at: str) -> date:
    """A day's last instant is the midnight after it."""
    moment = datetime.fromisoformat(at)
    return date.fromordinal(moment.date().toordinal() - (moment.time().isoformat() == "00:00:00"))


def _cell(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "not measured"
    return f"insufficient (n={found['n']})" if found["value"] is None else f"{found['value']:.4f} ({found['verdict']})"
