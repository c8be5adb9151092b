"""The report of a run as one page."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from signaltape.model_pipeline.folder import StageReport
from signaltape.model_pipeline.plan import Plan
from signaltape.reports.page import Section, Table, page

_METRICS = ("metric", "champion", "challenger", "difference", "low", "high", "outcome")


def report_page(run_id: str, plan: Plan, reports: Sequence[StageReport], stages: Sequence[str]) -> bytes:
    """All stages in a table, then what each found; stages that have not run say so."""
    ended = {one.stage: one for one in reports}
    failed = next((one for one in reports if not one.passed), None)
    state = f"stopped at {failed.stage}" if failed else "passed" if len(ended) == len(stages) else "under way"
    rows = [_row(number, name, ended.get(name)) for number, name in enumerate(stages, 1)]
    overview = Section(
        title="Stages", content=[Table(head=("", "stage", "verdict", "seconds", "what it found"), rows=rows)]
    )
    title = f"Model pipeline: {plan.options.name}"
    return page(title, f"run {run_id}, {state}; dataset {plan.dataset}", (overview, *_sections(ended)))


def _row(number: int, name: str, report: StageReport | None) -> tuple[str | float | int | None, ...]:
    if report is None:
        return number, name, "not applicable", None, "not run"
    return number, name, report.status, report.seconds, report.reason or summary(report)


def summary(report: StageReport) -> str:
    """What a stage that passed found, in a few words."""
    detail = report.detail
    match report.stage:
        case "validate":
            return f"{detail['rows']:,} rows, fingerprint {detail['fingerprint'][:12]}"
        case "test":
            return f"{detail['checked']} columns of {detail['feature_set']} see no future"
        case "train":
            return f"{detail['family']}, run {detail['run_id']}, SHA-256 {detail['sha256'][:12]}"
        case "evaluate":
            compared = detail["comparison"]
            said = "not compared" if compared is None else f"against {compared['champion']}: {compared['decision']}"
            return f"model tests {detail['model_tests']['share']:.0%}; {said}"
        case "register":
            return f"{detail['name']}:{detail['version']}"
        case _:
            return f"{detail['model']} in {detail['stage']}; then by hand: {detail['next']}"


def _sections(ended: Mapping[str, StageReport]) -> Iterator[Section]:
    if (one := ended.get("train")) is not None and one.passed:
        yield Section(title="Metrics", content=[_metrics(one.detail["metrics"])])
    detail = ended["evaluate"].detail if "evaluate" in ended else {}
    if detail.get("model_tests"):
        rows = [
            (test["name"], str(test["verdict"]).replace("_", " "), test["detail"])
            for test in detail["model_tests"]["tests"]
        ]
        yield Section(title="Model tests", content=[Table(head=("test", "verdict", "why"), rows=rows)])
    if detail.get("comparison"):
        yield _comparison(detail["comparison"])


def _metrics(found: Mapping[str, Mapping[str, float]]) -> Table:
    """Values by data set; the ends of their intervals in columns of their own."""
    rows = [
        (dataset, name, value, values.get(f"{name}_low"), values.get(f"{name}_high"))
        for dataset, values in found.items()
        for name, value in values.items()
        if not name.endswith(("_low", "_high"))
    ]
    return Table(head=("data set", "metric", "value", "95 % from", "to"), rows=rows)


def _comparison(found: Mapping[str, Any]) -> Section:
    said = [f"{found['decision']}: {'; '.join(found['reasons'])}"]
    if not found.get("metrics"):
        return Section(title="Comparison", content=said)
    rows = [[one[name] for name in _METRICS] for one in found["metrics"]]
    said.append(f"against {found['champion']} on {found['rows']:,} rows that neither was made with")
    return Section(title="Comparison", content=[*said, Table(head=_METRICS, rows=rows)])
