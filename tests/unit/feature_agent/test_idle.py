"""What the agent does between rounds."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from consumers.feature_agent.agent import FeatureAgent


def test_a_failure_of_effects_is_raised_without_another_round() -> None:
    def settle() -> None:
        raise RuntimeError("the round was not stored")

    agent: Any = SimpleNamespace(effects=SimpleNamespace(busy=False, settle=settle), _due=list, _repair_at=float("inf"))
    with pytest.raises(RuntimeError, match="not stored"):
        FeatureAgent.idle(cast(FeatureAgent, agent))
