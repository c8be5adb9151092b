"""Choices of a training run."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import inf, isfinite
from typing import Any, Literal, get_args

from infra.scoring.manifest import NAME
from pipeline.engine_types import EngineConfig
from pipeline.routing.model_port import FALLBACKS
from schemas.intervals import INTERVALS
from signaltape.training.errors import TrainingError

#: What is learnt: the return itself, or whether it is above 0.
Target = Literal["regression", "classification"]
TARGETS: tuple[str, ...] = get_args(Target)
#: Longest horizon: the engine must still hold the bar of the prediction when its label matures.
_LONGEST = EngineConfig(partition=0, partitions=1).ring - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainOptions:
    """What to train and how; all of it is kept with the model.

    ``target``: learn the return, or whether it is above 0. ``features`` are columns of ``feature_set``, empty means all
    that compare across symbols. ``intervals`` are those that the model may serve, empty means those of its bars.
    ``horizon`` in bars. ``validation`` and ``test`` are the shares of rows, latest last. ``parameters`` override the
    family's own. ``walk_forward``: folds before the test span, 0 for none. ``long_quantile`` and ``short_quantile``
    of the training scores give the thresholds (see ``calibration.thresholds_of``).
    """

    name: str
    family: str = "linear"
    target: Target = "regression"
    horizon: int = 5
    feature_set: str = "core"
    features: tuple[str, ...] = ()
    intervals: tuple[str, ...] = ()
    validation: float = 0.2
    test: float = 0.2
    seed: int = 7
    parameters: Mapping[str, float] = field(default_factory=dict)
    minimum_rows: int = 1_000
    walk_forward: int = 0
    long_quantile: float = 0.8
    short_quantile: float = 0.2
    min_confidence: float = 0.0
    fallback: str = "skip"
    default_score: float = 0.0
    deadline_ms: float = 100.0
    strategy_type: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        unknown = ", ".join(interval for interval in self.intervals if interval not in INTERVALS)
        for ok, rule in (
            (NAME.fullmatch(self.name), f"name {self.name!r}: lower-case letters, digits, - and _ (64 at the most)"),
            (self.target in TARGETS, f"target {self.target!r} is not one of {', '.join(TARGETS)}"),
            (not unknown, f"interval {unknown} is not known; there are {', '.join(INTERVALS)}"),
            (self.fallback in FALLBACKS, f"fallback {self.fallback!r} is not one of {', '.join(FALLBACKS)}"),
            (0 <= self.min_confidence <= 1, f"min_confidence is {self.min_confidence}; it must lie in [0, 1]"),
            (isfinite(self.default_score), "default_score must be finite"),
            (0 < self.deadline_ms < inf, "deadline_ms must be above 0"),
            (
                1 <= self.horizon <= _LONGEST,
                f"horizon is {self.horizon}; it must be 1 to {_LONGEST} bars, which the engine looks back",
            ),
            (self.validation >= 0.05, f"validation is {self.validation}; give at least 0.05 of the rows"),
            (self.test >= 0.05, f"test is {self.test}; give at least 0.05 of the rows"),
            (self.validation + self.test <= 0.8, "validation and test together leave too little to train on (0.8)"),
            (
                0 < self.short_quantile < self.long_quantile < 1,
                f"quantiles {self.short_quantile}, {self.long_quantile}: needed is 0 < short < long < 1",
            ),
            (0 <= self.walk_forward <= 50, f"walk_forward is {self.walk_forward}; it must be 0 to 50 folds"),
            (self.minimum_rows >= 200, "minimum_rows must be at least 200: fewer rows can't be split three ways"),
        ):
            if not ok:
                raise TrainingError(rule)

    def document(self) -> dict[str, Any]:
        """Plain values, for the record."""
        values = asdict(self)
        values["parameters"] = dict(self.parameters)
        return values
