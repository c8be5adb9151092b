"""The models of a demonstration: trained on the earlier bars, registered as any other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from infra.scoring.registry import ModelRegistry
from infra.settings import Settings
from pipeline.deployments import ModelRef
from signaltape.demo.console import Console
from signaltape.demo.parts import Part, Stretch
from signaltape.training import TrainOptions, train


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainedModel:
    """A registered model and the strategy that it is to serve.

    ``rank_ic`` is that of the held-out test rows, with its 95 % interval; None where there are too few. It serves from
    ``effective_from`` (ns UTC) on.
    """

    strategy: str
    name: str
    version: int
    family: str
    training_bars: int
    effective_from: int
    rank_ic: float | None
    rank_ic_low: float | None
    rank_ic_high: float | None

    @property
    def ref(self) -> ModelRef:
        """Its name and version."""
        return ModelRef(name=self.name, version=self.version)


def train_models(settings: Settings, parts: Sequence[Part], console: Console, *, trees: int = 0) -> list[TrainedModel]:
    """Train and register one model for each stretch of ``parts``: boosted ``trees``, or for 0 a linear one."""
    family, parameters = ("lightgbm", {"trees": float(trees)}) if trees else ("linear", {})
    return [_trained(settings, one, family, parameters, console) for part in parts for one in part.stretches]


def train_seconds(settings: Settings, parts: Sequence[Part], console: Console) -> list[TrainedModel]:
    """Train and register the second model of each strategy that is to change its model."""
    return [
        _trained(settings, one, part.change.family, {}, console)
        for part in parts
        for one in part.stretches
        if part.change is not None and one.strategy == part.change.strategy
    ]


def _trained(
    settings: Settings, stretch: Stretch, family: str, parameters: Mapping[str, float], console: Console
) -> TrainedModel:
    registry = ModelRegistry(settings)
    folder = settings.home / "training" / f"{stretch.model}-{family}-{stretch.effective_from}"
    options = TrainOptions(
        name=stretch.model, family=family, parameters=parameters, horizon=stretch.horizon, minimum_rows=200
    )
    with console.step(f"training {stretch.model} ({family}) on {len(stretch.training):,} earlier bars"):
        made = train(stretch.training, options, folder, say=console.say)
        version = registry.register(made.folder, made.manifest, made.metrics, made.run)
    kept = registry.get_model(stretch.model, version)
    test = {metric.metric: metric.value for metric in kept.metrics if metric.dataset == "test"}
    return TrainedModel(
        strategy=stretch.strategy,
        name=stretch.model,
        version=version,
        family=kept.manifest.family,
        training_bars=len(stretch.training),
        effective_from=stretch.effective_from,
        rank_ic=test.get("rank_ic"),
        rank_ic_low=test.get("rank_ic_low"),
        rank_ic_high=test.get("rank_ic_high"),
    )
