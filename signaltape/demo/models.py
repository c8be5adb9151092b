"""The first models of a demonstration: trained on the earlier bars, registered as any other."""

from collections.abc import Sequence
from dataclasses import dataclass

from infra.scoring.registry import ModelRegistry
from infra.settings import Settings
from signaltape.demo.console import Console
from signaltape.demo.parts import Part
from signaltape.training import TrainOptions, train

_HORIZON = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainedModel:
    """A registered model and the strategy that it is to serve; ``rank_ic`` is that of the held-out test rows."""

    strategy: str
    name: str
    version: int
    family: str
    training_bars: int
    rank_ic: float | None


def train_models(settings: Settings, parts: Sequence[Part], console: Console, *, trees: int = 0) -> list[TrainedModel]:
    """Train and register one model for each stretch of ``parts``: boosted ``trees``, or for 0 a linear one."""
    registry, trained = ModelRegistry(settings), []
    for part in parts:
        for stretch in part.stretches:
            folder = settings.home / "training" / stretch.model
            options = TrainOptions(
                name=stretch.model,
                family="lightgbm" if trees else "linear",
                parameters={"trees": trees} if trees else {},
                horizon=_HORIZON,
                minimum_rows=200,
            )
            with console.step(f"training {stretch.model} on {len(stretch.training):,} earlier bars"):
                made = train(stretch.training, options, folder, say=console.say)
                version = registry.register(made.folder, made.manifest, made.metrics, made.run)
            test = {metric.metric: metric.value for metric in made.metrics if metric.dataset == "test"}
            trained.append(
                TrainedModel(
                    strategy=stretch.strategy,
                    name=stretch.model,
                    version=version,
                    family=made.manifest.family,
                    training_bars=len(stretch.training),
                    rank_ic=test.get("rank_ic"),
                )
            )
    return trained
