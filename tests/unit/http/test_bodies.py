"""Forms of requests."""

from typing import Any

import pytest

from pipeline.deployments import ModelRef
from signaltape.http.bodies import Bar, invocation_rows, model_ref


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        ({"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2]]}}, [{"a": 1, "b": 2}]),
        ({"dataframe_records": [{"a": 1}]}, [{"a": 1}]),
        ({"inputs": {"a": [1, 2], "b": [3, 4]}}, [{"a": 1, "b": 3}, {"a": 2, "b": 4}]),
        ({"inputs": {"a": 1, "b": 2}}, [{"a": 1, "b": 2}]),
        ({"inputs": [[1, 2], [3, 4]]}, [[1, 2], [3, 4]]),
        ({"instances": [{"a": 1}]}, [{"a": 1}]),
    ],
)
def test_rows_of_mlflow(body: Any, rows: Any) -> None:
    assert invocation_rows(body) == rows


@pytest.mark.parametrize(
    "body",
    [None, [], {}, {"inputs": [1]}, {"inputs": [[1]], "instances": [[1]]}, {"inputs": {"a": [1], "b": [1, 2]}},
     {"dataframe_split": [[1]]}, {"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}],
)  # fmt: skip
def test_what_is_no_such_form(body: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        invocation_rows(body)


def test_references_and_times() -> None:
    assert model_ref("ridge:12") == ModelRef(name="ridge", version=12)
    assert model_ref(None) is None
    prices = {"open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0}
    assert Bar(event_time="2026-01-02T15:00:00Z", **prices).event_time == 1_767_366_000_000_000_000  # type: ignore[arg-type]
    for wrong in ("2026-01-02T15:00:00", 0, -5, 2**63, "soon"):
        with pytest.raises(ValueError, match="event_time"):
            Bar(event_time=wrong, **prices)  # type: ignore[arg-type]
