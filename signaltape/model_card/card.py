"""The card as a page: everything that somebody who is to approve a model wants to see before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.scoring.manifest import ModelManifest
from infra.warehouse.models import ModelMetric
from signaltape.model_card.importance import Importance
from signaltape.model_tests import ModelTestReport
from signaltape.reports.page import Figure, Section, Table, number, page
from signaltape.reports.plots import Point, reliability_plot
from signaltape.validation import Validation

CARD_FILE = "card.html"
_MOST_CANDIDATES = 50


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Evaluation:
    """What was found about a model; what isn't known (of a model from elsewhere) is left out of the card.

    ``made_by``: the source's git SHA and such, by name.
    """

    tests: ModelTestReport
    metrics: Sequence[ModelMetric] = ()
    importance: Importance | None = None
    validation: Validation | None = None
    made_by: Mapping[str, str] | None = None


def model_card(manifest: ModelManifest, found: Evaluation) -> bytes:
    """The whole page, UTF-8 HTML."""
    kind = manifest.training.get("target", "")
    lead = f"{manifest.family or 'external'} {kind} over {len(manifest.features)} columns of {manifest.feature_set}"
    sections = [
        _purpose(manifest),
        _judgement(found.metrics),
        *([] if found.importance is None else [_importance(found.importance)]),
        _tests(found.tests),
        *([] if not manifest.training else [_data(manifest.training, found.validation), _making(manifest, found)]),
    ]
    return page(f"Model card: {manifest.name}", manifest.description or lead, sections)


def _purpose(manifest: ModelManifest) -> Section:
    terms = manifest.thresholds
    rows = [
        ("score", f"expected log return over {manifest.horizon} bars of {', '.join(manifest.intervals)}"),
        ("confidence", "calibrated probability that the score's sign is right"),
        ("long / short", f"from {terms.long:+.6g} / {terms.short:+.6g}, confidence from {terms.min_confidence:g}"),
        ("deadline", f"{manifest.deadline_ms:g} ms, then {manifest.fallback}"),
        ("strategy type", manifest.strategy_type or "not named"),
        ("inputs", ", ".join(manifest.features)),
        ("never matter", ", ".join(manifest.irrelevant) or "none known"),
        ("feature set", f"{manifest.feature_set}:{manifest.set_version} ({manifest.set_hash})"),
        ("SHA-256 of the graph", manifest.sha256),
    ]
    return Section(title="What it is for", content=[Table(head=("", ""), rows=rows)])


def _judgement(metrics: Sequence[ModelMetric]) -> Section:
    """Metrics by data set, with their 95 % intervals; what they allow to conclude."""
    found = {(one.dataset, one.metric): one.value for one in metrics}
    datasets = list(dict.fromkeys(one.dataset for one in metrics))
    names = [one for one in dict.fromkeys(one.metric for one in metrics) if not one.endswith(("_low", "_high"))]
    if not names:
        return Section(title="How it was judged", content=["No metrics: it wasn't trained by this program."])
    rows = [(name, *(_with_interval(found, dataset, name) for dataset in datasets)) for name in names]
    notes = ["Values with their 95 % interval. The rows of train have been learnt from; all others are held out."]
    low = found.get(("test", "rank_ic_low"))
    if low is not None and low <= 0.0:
        notes.append("The test rank IC can't be told from 0: nothing shows yet that this model predicts.")
    return Section(title="How it was judged", content=[*notes, Table(head=("metric", *datasets), rows=rows)])


def _with_interval(found: Mapping[tuple[str, str], float], dataset: str, name: str) -> str:
    value, low, high = (found.get((dataset, name + end)) for end in ("", "_low", "_high"))
    if value is None:
        return ""
    return number(value) + ("" if low is None or high is None else f" [{number(low)}, {number(high)}]")


def _importance(found: Importance) -> Section:
    caption = (
        f"Permutation: rank IC lost of {found.rank_ic:.4f} when a column is shuffled across {found.rows:,} held-out "
        "rows, with the deviation of three shuffles."
    )
    return Section(title="What it looks at", content=[Figure(svg=found.plot(), caption=caption)])


def _tests(report: ModelTestReport) -> Section:
    rows = [(one.verdict.value.replace("_", " "), one.name, one.detail) for one in report.tests]
    content: list[str | Table | Figure] = [
        f"{report.share:.0%} of the applicable tests passed, over {report.rows:,} rows.",
        Table(head=("", "test", "found"), rows=rows),
    ]
    bins: list[list[float]] = next((one.figures["bins"] for one in report.tests if "bins" in one.figures), [])
    if bins:
        points = [Point(rows=int(n), confidence=c, hit_rate=h, error=e) for n, c, h, e in bins]
        caption = "Share of signs that were right, by confidence; whiskers of two standard errors."
        content.append(Figure(svg=reliability_plot(points), caption=caption))
    return Section(title="Model tests", content=content)


def _data(training: Mapping[str, Any], validation: Validation | None) -> Section:
    named = ("dataset_id", "dataset_fingerprint", "bars", "refused_bars", "late_rows_left_out")
    rows = [(name.replace("_", " "), str(training[name])) for name in named if name in training]
    rows += [(f"rows: {span}", f"{count:,}") for span, count in training.get("rows", {}).items()]
    rows.append(("columns left out as empty", ", ".join(training.get("features_left_out", [])) or "none"))
    content: list[str | Table] = [Table(head=("", ""), rows=rows)]
    if validation is not None:
        suite = validation.suite
        content.append(
            f"Checked against the suite {suite.name}, version {suite.version}: "
            f"{len(validation.of('passed'))} passed, {len(validation.of('warning'))} warnings."
        )
        content += [f"Warning: {one.line()}" for one in validation.of("warning")[:10]]
    return Section(title="What it was made of", content=content)


def _making(manifest: ModelManifest, found: Evaluation) -> Section:
    training = manifest.training
    parity = training.get("onnx_against_native", {})
    rows = [(name, f"{value:g}") for name, value in training.get("parameters", {}).items()]
    rows += [(name, str(value)) for name, value in (found.made_by or {}).items()]
    rows += [
        ("seed", str(training.get("seed", ""))),
        ("numerics", manifest.numerics),
        *training.get("libraries", {}).items(),
    ]
    if parity:
        largest = f"{parity['largest']:.3g} in score, {parity.get('largest_confidence', 0.0):.3g} in confidence"
        rows.append((f"largest difference of ONNX and native over {parity['rows']:,} rows", largest))
    content: list[str | Table] = [Table(head=("", ""), rows=rows)]
    searched = training.get("search")
    if searched:
        tried = searched["candidates"]
        shown = [
            (", ".join(f"{name}={value:g}" for name, value in one["parameters"].items()), one["value"], one["reason"])
            for one in tried[:_MOST_CANDIDATES]
        ]
        content.append(f"Chosen out of {len(tried)} combinations by {searched['metric']}.")
        content.append(Table(head=("parameters", searched["metric"], "why not"), rows=shown))
    return Section(title="How it was made", content=content)
