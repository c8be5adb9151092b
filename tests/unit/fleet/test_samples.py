"""Metrics as text are read as Prometheus' own parser reads them."""

import doctest
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from infra import fleet_settings
from signaltape.fleet import samples
from signaltape.fleet.samples import Series, parse_samples, total


@hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    labels=st.lists(st.text(max_size=8), min_size=1, max_size=5, unique=True),
    value=st.floats(allow_nan=False),
)
def test_the_same_as_the_libraries_own_parser(labels: list[str], value: float) -> None:
    registry = CollectorRegistry()
    gauge = Gauge("some_gauge", "Text with \\ and\nbreaks.", ["of", "kind"], registry=registry)
    for label in labels:
        gauge.labels(of=label, kind="k").set(value)
    Counter("things_total", "C.", registry=registry).inc(3)
    Histogram("took_seconds", "H.", ["stage"], registry=registry).labels(stage="a").observe(0.2)
    text = generate_latest(registry).decode()
    expected = {
        Series(sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }
    assert parse_samples(text) == expected


def test_what_is_no_sample_is_passed_over() -> None:
    assert parse_samples("<html>\n{}\nx 1 2 3\ny nonsense\nz 4\n") == {Series("z"): 4.0}


def test_a_total_is_over_the_series_that_match() -> None:
    found = parse_samples('n{a="1",b="x"} 1\nn{a="1",b="y"} 2\nn{a="2",b="x"} 4\n')
    assert total(found, "n", {"a": "1"}) == 3
    assert total(found, "n", {}) == 7
    assert total(found, "n", {"a": "3"}) is None


@pytest.mark.parametrize("module", [samples, fleet_settings])
def test_the_examples_hold(module: ModuleType) -> None:
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0
