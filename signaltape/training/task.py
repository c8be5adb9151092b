"""What a family is asked to fit."""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.fields import F8Array
from signaltape.training.dataset import F4Array
from signaltape.training.options import Target


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Task:
    """Training rows and how to fit them.

    ``x``: float32 (n, features), NaN where undefined. ``y``: float64 (n,); for regression returns scaled to about unit
    size, for classification 1.0 where the return is above 0, else 0.0 (returns of exactly 0 are left out).
    """

    x: F4Array
    y: F8Array
    target: Target
    parameters: Mapping[str, float]
    seed: int

    @property
    def classes(self) -> bool:
        """Whether classes are learnt."""
        return self.target == "classification"

    def whole(self, name: str) -> int:
        """A parameter that counts something."""
        return int(self.parameters[name])
