"""What `signaltape features` prints."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.features import FeatureSet
from pipeline.lookahead import Leak, Verdict
from signaltape.feature_check import CheckReport

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def set_document(chosen: FeatureSet) -> dict[str, Any]:
    """A set and its columns as plain values."""
    homes = {feature.name: family for family in chosen.families for feature in family.features}
    return {
        "set": chosen.name,
        "version": chosen.version,
        "hash": chosen.hash,
        "warm_up": chosen.warm_up,
        "recursive": chosen.recursive,
        "features": [
            {
                "name": feature.name,
                "family": homes[feature.name].name,
                "first": feature.first,
                "recursive": feature.recursive,
                "comparable": feature.comparable,
                "definition": feature.definition,
            }
            for feature in chosen.features
        ],
    }


def set_lines(document: dict[str, Any]) -> Iterator[str]:
    """The same for a reader."""
    head = "{set} v{version} ({hash}): {count} columns, published from bar {warm_up}"
    yield head.format(**document, count=len(document["features"]))
    for row in document["features"]:
        kind = "recursive" if row["recursive"] else "window"
        unit = "" if row["comparable"] else ", in price or share units"
        yield f"  {row['name']:20} from bar {row['first']:2}  {row['definition']}  [{kind}{unit}]"


def verdict_document(verdict: Verdict) -> dict[str, Any]:
    """A verdict as plain values."""
    leak = verdict.leak
    found = None if leak is None else {name: getattr(leak, name) for name in Leak.__dataclass_fields__}
    return {
        "group": verdict.group,
        "kind": verdict.kind,
        "name": verdict.name,
        "passed": verdict.passed,
        "compared": verdict.compared,
        "leak": found,
    }


def check_document(report: CheckReport) -> dict[str, Any]:
    """A whole check as plain values."""
    return {
        "passed": report.passed,
        "columns": [verdict_document(verdict) for verdict in report.verdicts],
        "findings": [{"set": name, **asdict(finding)} for name, finding in report.findings],
    }


def check_lines(report: CheckReport) -> Iterator[str]:
    """One line a column, more where it failed; then what else was found; then the sum."""
    verdicts, findings = report.verdicts, report.findings
    for verdict in verdicts:
        state = "ok  " if verdict.passed else "FAIL"
        yield f"{state} {verdict.group:10} {verdict.kind:7} {verdict.name:20} {verdict.compared:,} values compared"
        if verdict.leak is not None:
            yield from _leak_lines(verdict.leak)
    for name, finding in findings:
        yield f"FAIL {name:10} {finding.check:7} {finding.feature:20} {finding.detail}"
    failed = sum(not verdict.passed for verdict in verdicts)
    others = f", {len(findings)} other findings" if findings else ""
    yield f"{len(verdicts) - failed} of {len(verdicts)} columns unmoved by the future{others}"


def _leak_lines(leak: Leak) -> Iterator[str]:
    yield f"       first at {leak.symbol} {_moment(leak.event_time)}, known at {_moment(leak.known_time)}"
    yield f"       with the whole future    {leak.before!r} ({leak.before_bits})"
    other = "cut off" if leak.future == "cut" else "another"
    yield f"       future {other} at {_moment(leak.cut)}: {leak.after!r} ({leak.after_bits})"


def _moment(time: int) -> str:
    return (_EPOCH + timedelta(microseconds=time // 1_000)).isoformat().replace("+00:00", "Z")
