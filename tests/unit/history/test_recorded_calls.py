"""Calls that are recorded without an answer: recalled for their own bar only."""

import pytest

from infra.history.recorded_calls import RecordedCalls
from infra.warehouse.moments import to_moment
from pipeline.deployments import ModelRef
from pipeline.routing.model_port import Answer, ModelUnavailable
from schemas.intervals import MINUTE
from tests.support.rounds import START, feature_batch

REF = ModelRef(name="first", version=1)
SILENT = Answer(score=None, confidence=None, deadline_missed=True)
CALLS = RecordedCalls(
    {
        (to_moment(START), 7, "1m", "alpha", "live", REF): SILENT,
        (to_moment(START), 7, "1m", "alpha", "shadow", REF): None,
    }
)


def test_a_call_without_an_answer_is_recalled() -> None:
    assert CALLS.recall("alpha", "live", REF, feature_batch(START, 7)) is SILENT
    with pytest.raises(ModelUnavailable, match="could not be loaded then"):
        CALLS.recall("alpha", "shadow", REF, feature_batch(START, 7))


def test_other_calls_are_asked() -> None:
    """At another offset, of another bar at this one (a log that was begun anew), of another strategy or version."""
    assert CALLS.recall("alpha", "live", REF, feature_batch(START, 8)) is None
    assert CALLS.recall("alpha", "live", REF, feature_batch(START + MINUTE, 7)) is None
    assert CALLS.recall("beta", "live", REF, feature_batch(START, 7)) is None
    assert CALLS.recall("alpha", "live", ModelRef(name="first", version=2), feature_batch(START, 7)) is None
