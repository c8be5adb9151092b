"""What keeps an experiment or a shadow from starting, before any instance is asked; no service runs."""

from pathlib import Path

import pytest

from infra.broker.reading import read_topic
from infra.scoring.registry import ModelRegistry
from infra.settings import Settings
from pipeline.deployments import ModelRef
from schemas.topics import TopicNames
from signaltape.client import Control
from signaltape.experiments import Terms, start_experiment, stop_experiment
from signaltape.initialisation import initialise
from signaltape.model_tests import check_folder
from signaltape.promotion.deciding import deciding
from signaltape.promotion.errors import DecisionRefused, GateClosed
from signaltape.promotion.shelf import archive
from signaltape.rollout import PreparationFailed
from signaltape.shadowing import start_shadow, stop_shadow
from tests.support.linear_models import write_linear_model


def register(settings: Settings, folder: Path, *, tested: bool) -> ModelRef:
    made = write_linear_model(
        folder, name="linear", version=0, feature_set="core", weights={"logret_1": 1.0}, intervals=("1s",)
    )
    if tested:
        assert check_folder(folder, made).passed
    return ModelRef(name="linear", version=ModelRegistry(settings).register(folder, made))


def test_arm_is_tested_and_in_use_and_nobody_else_decides(settings: Settings, tmp_path: Path) -> None:
    initialise(settings)
    live, untested = (register(settings, tmp_path / name, tested=False) for name in ("live", "untested"))
    arm = register(settings, tmp_path / "arm", tested=True)
    Control(settings).issue("activate", strategy="s", model=live.name, model_version=live.version, reason="test")

    def start(ref: ModelRef, *, force: bool = False, reason: str = "", deadline_s: float = 30.0) -> None:
        terms = Terms(name="x", strategy="s", arm=ref)
        start_experiment(settings, terms, force=force, reason=reason, deadline_s=deadline_s)

    with pytest.raises(GateClosed, match=r"linear:2 is not admitted to an experiment: model_tests: .* never tested"):
        start(untested)
    with pytest.raises(GateClosed, match="--force needs --reason"):
        start(untested, force=True)
    for ref, force in ((untested, True), (arm, False)):  # past the gates
        with pytest.raises(PreparationFailed, match="no inference instance runs"):
            start(ref, force=force, reason="test")
    archive(settings, arm, "not needed")
    with pytest.raises(GateClosed, match="stage: it is archived"):
        start(arm)
    with deciding(settings, 30.0):
        for attempt in (
            lambda: start(arm, force=True, reason="test", deadline_s=1.0),
            lambda: stop_experiment(settings, "x", deadline_s=1.0),
            lambda: start_shadow(settings, "s", arm, reason="test", deadline_s=1.0),
            lambda: stop_shadow(settings, "s", "linear", None, reason="test", deadline_s=1.0),
        ):
            with pytest.raises(DecisionRefused, match="another decision about models"):
                attempt()
    assert sum(1 for _ in read_topic(settings, TopicNames(settings.topics.prefix).control)) == 1
