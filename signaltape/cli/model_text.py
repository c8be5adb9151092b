"""Models as text for people."""

from collections.abc import Iterator, Sequence

from infra.scoring.manifest import ModelManifest
from infra.warehouse.models import ModelMetric

_SHOWN = (
    *("ic", "rank_ic", "cross_section_rank_ic", "hit_rate", "rmse", "rmse_of_zero", "brier"),
    *("accuracy", "precision", "recall", "f1", "log_loss"),
)


def manifest_lines(manifest: ModelManifest) -> Iterator[str]:
    """What a model is for and what was found when it was made."""
    terms = manifest.thresholds
    target = manifest.training.get("target")
    kind = f"{manifest.family or 'external'} {'classifier' if target == 'classification' else 'model'}"
    yield f"{kind} over {len(manifest.features)} columns of {manifest.feature_set}"
    yield f"  serves {', '.join(manifest.intervals)}, horizon {manifest.horizon} bars, SHA-256 {manifest.sha256}"
    yield (
        f"  long from {terms.long:+.6f}, short from {terms.short:+.6f}, confidence from {terms.min_confidence:g}; "
        f"deadline {manifest.deadline_ms:g} ms, then {manifest.fallback}"
    )
    rows = manifest.training.get("rows")
    if isinstance(rows, dict):
        yield "  rows: " + ", ".join(f"{count:,} {span}" for span, count in rows.items())
    parity = manifest.training.get("onnx_against_native")
    if isinstance(parity, dict):
        yield (
            f"  ONNX against the fitted model on {parity['rows']:,} rows: "
            f"largest difference {parity['largest']:.2g} (tolerance {parity['tolerance']:.2g})"
        )


def metric_lines(metrics: Sequence[ModelMetric]) -> Iterator[str]:
    """A table of held-out metrics with their 95 % intervals, and what the rank IC allows to conclude."""
    found = {(one.dataset, one.metric): one.value for one in metrics}
    for dataset in dict.fromkeys(one.dataset for one in metrics):
        rows = found.get((dataset, "rows"))
        yield f"{dataset}" + (f" ({rows:,.0f} rows)" if rows is not None else "")
        shown = [name for name in _SHOWN if (dataset, name) in found]
        others = [one.metric for one in metrics if one.dataset == dataset and not _is_part(one.metric)]
        for name in (*shown, *(other for other in others if other not in shown)):
            low, high = found.get((dataset, f"{name}_low")), found.get((dataset, f"{name}_high"))
            interval = "" if low is None or high is None else f"   95 % [{low:+.5f}, {high:+.5f}]"
            yield f"  {name:22} {found[dataset, name]:+.5f}{interval}"
    low = found.get(("test", "rank_ic_low"))
    if low is not None and low <= 0.0:
        yield "the test rank IC can't be told from 0: nothing shows yet that this model predicts"


def _is_part(name: str) -> bool:
    """Printed with another metric, or in the heading."""
    return name == "rows" or name.endswith(("_low", "_high"))
