"""The table of metrics: the names that users look for, base units, few labels, and its page."""

from pathlib import Path

from infra.telemetry.metrics_page import page, table

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"
#: Everything that a label may be. A symbol is none of it: thousands of series for each metric would follow.
LABELS = {
    "code", "consumergroup", "database", "dependency", "feature_name", "feature_set", "folder", "horizon", "interval",
    "kind", "method", "mode", "model", "outcome", "partition", "reason", "role", "route", "service", "severity",
    "signal", "sink", "source", "stage", "state", "status", "strategy", "table", "topic", "version",
}  # fmt: skip


def test_no_label_grows_with_the_market() -> None:
    found = {label for _, _, labels, _, _ in table() for label in labels}
    assert found - LABELS == set()
    assert "symbol" not in LABELS


def test_names_that_users_look_for_are_there() -> None:
    found = {name: set(labels) for name, _, labels, _, _ in table()}
    assert {"consumergroup", "topic", "partition"} == found["kafka_consumergroup_lag"]
    assert {"consumergroup", "topic", "partition"} == found["kafka_consumergroup_lag_seconds"]
    assert "model_predictions_total" in found
    assert "model_prediction_latency_seconds" in found
    assert "feature_name" in found["model_feature_drift"]
    assert {"strategy", "model", "version", "role"} == found["signaltape_model_info"]


def test_units_are_base_units_and_counters_say_that_they_are() -> None:
    for name, kind, _, meaning, _ in table():
        assert not name.endswith(("_ms", "_milliseconds", "_kb", "_mb", "_percent")), name
        assert name.endswith("_total") == (kind == "counter"), name
        assert meaning.endswith("."), name


def test_the_page_is_what_the_table_says() -> None:
    assert PAGE.read_text() == page(), "run: python -m infra.telemetry.metrics_page > docs/metrics.md"
