"""The report as text."""

from collections.abc import Iterator, Mapping
from typing import Any


def text(report: Mapping[str, Any]) -> str:
    """A page of text; each part says so if there is nothing to tell."""
    return "\n".join(_lines(report))


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    yield f"Daily report {report['session']}: {report['state']}"
    yield from (f"PROBLEM {one}" for one in report["problems"])
    yield "\nFeatures"
    features = report["features"]
    for one in features["fresh"]:
        newest = one["newest"] or "none"
        yield (
            f"  {one['feature_set']}, {one['interval']}: {one['warm']} symbols warm, {one['warming']} warming up, "
            f"{one['stale']} stale, newest close {newest}"
        )
    if not features["fresh"]:
        yield "  none stored yet"
    marks = ", ".join(f"{count:,} {kind}" for kind, count in features["marks"].items()) or "no marks"
    yield f"  bars of the session: {features['bars']:,}, {marks}; {features['open_repairs']} repairs open"
    for one in features["stability"]:
        worst = ", ".join(f"{row['feature'].split('/')[-1]} {row['psi']:.2f}" for row in one["psi"][:3] if row["psi"])
        yield (
            f"  {one['strategy']} ({one['model']}): of {one['features']} features {one['shifted']} shifted, "
            f"{one['moved']} moved, {one['insufficient']} with too little data; most: {worst or 'none'}"
        )
    yield "\nModels"
    for one in report["models"]:
        age = "made elsewhere" if one["age_days"] is None else f"{one['age_days']:.1f} days old"
        shadows = f", shadows {', '.join(one['shadows'])}" if one["shadows"] else ""
        paused = ", PAUSED" if one["paused"] else ""
        live = f"{one['live']} live for {one['live_days']:.1f} days"
        yield f"  {one['strategy']}: {live}, {age}, {one['stage']}{shadows}{paused}"
    if not report["models"]:
        yield "  no strategy has a live model"
    yield "\nDrift"
    for one in report["drift"]:
        told = ", ".join(f"{name} {_value(found)}" for name, found in one["today"].items())
        yield f"  {one['strategy']} {one['subject']}: {told or 'nothing measured in this session'}"
    if not report["drift"]:
        yield "  nothing was measured"
    yield "\nAlerts"
    yield from (f"  {one['severity']:8} {one['rule']}: {one['message']}" for one in report["alerts"]["list"])
    if not report["alerts"]["list"]:
        yield "  none"
    yield "\nDecisions"
    for one in report["decisions"]:
        who = f" {one['strategy']}" if one["strategy"] else ""
        yield f"  {one['at'][:19]} {one['kind']}{who}: {one['what']}. {one['why']} ({one['by_whom']})"
    if not report["decisions"]:
        yield "  none"


def _value(found: Mapping[str, Any]) -> str:
    if found["value"] is None:
        return (
            f"insufficient ({found['reason']}, n={found['n']})" if found["reason"] else f"insufficient (n={found['n']})"
        )
    return f"{found['value']:.4f} {found['verdict']}"
