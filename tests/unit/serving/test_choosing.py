"""Who answers a question."""

import pytest

from pipeline.deployments import Experiment, ModelRef, Strategy
from signaltape.serving.choosing import served_by

LIVE, ARM = ModelRef(name="ridge", version=1), ModelRef(name="ridge", version=2)


def experimenting(name: str, ratio: float) -> Strategy:
    test = Experiment(name=name, arm=ARM, ratio=ratio, control_capital=1.0 - ratio, arm_capital=ratio)
    return Strategy(name="alpha", live=LIVE, experiment=test)


@pytest.mark.parametrize("name", [f"exp-{number}" for number in range(10)])
def test_rows_without_a_symbol_are_the_live_models_whatever_the_experiment(name: str) -> None:
    share = served_by(experimenting(name, 0.9), "")
    assert share is not None
    assert (share.ref, share.role) == (LIVE, "live")


def test_a_symbol_is_served_by_its_side() -> None:
    shares = [served_by(experimenting("exp", 0.5), f"S{number}") for number in range(50)]
    assert {share.ref for share in shares if share is not None} == {LIVE, ARM}


def test_nobody_serves_where_no_model_is_live() -> None:
    assert served_by(Strategy(name="alpha"), "") is None
    assert served_by(Strategy(name="alpha"), "A") is None
