"""A pipeline with trained models, every service ready and the models activated."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from signaltape.demo.console import Console
from signaltape.demo.models import train_models
from signaltape.demo.parts import Part
from signaltape.demo.run import activate, wait_ready
from signaltape.demo.scene import Scene


@contextmanager
def running_pipeline(
    active: Scene,
    parts: Sequence[Part],
    console: Console,
    *,
    parameters: Mapping[str, Any] | None = None,
    trees: int = 0,
) -> Iterator[None]:
    """Train and activate the parts' models on running services; ``parameters`` replace the models' thresholds.

    ``trees``: of boosted models; 0 for linear ones.
    """
    models = train_models(active.settings, parts, console, trees=trees)
    with console.step("starting the services and activating the models"):
        active.supervisor.start()
        wait_ready(active, console)
        activate(active.settings, models, parameters)
    yield
