"""The kinds of model that can be trained, in one table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from signaltape.training import forest_family, lightgbm_family, linear_family, mlp_family
from signaltape.training.errors import TrainingError
from signaltape.training.fitted import Fitted
from signaltape.training.task import Task


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """``fit`` takes both targets; ``defaults`` are all of its parameters."""

    name: str
    fit: Callable[[Task], Fitted]
    defaults: Mapping[str, float] = field(default_factory=dict)

    def parameters(self, chosen: Mapping[str, float]) -> dict[str, float]:
        """The defaults with what was chosen instead. Raises TrainingError for a name that isn't there."""
        unknown = sorted(set(chosen) - set(self.defaults))
        if unknown:
            raise TrainingError(
                f"family {self.name} has no parameter {', '.join(unknown)}; it has "
                + ", ".join(f"{name} ({value:g})" for name, value in self.defaults.items())
            )
        return {**self.defaults, **chosen}


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "linear": Family(name="linear", fit=linear_family.fit, defaults=linear_family.DEFAULTS),
        "lightgbm": Family(name="lightgbm", fit=lightgbm_family.fit, defaults=lightgbm_family.DEFAULTS),
        "forest": Family(name="forest", fit=forest_family.fit, defaults=forest_family.DEFAULTS),
        "mlp": Family(name="mlp", fit=mlp_family.fit, defaults=mlp_family.DEFAULTS),
    }
)


def family_of(name: str) -> Family:
    """A family by name. Raises TrainingError."""
    if name not in FAMILIES:
        raise TrainingError(f"no model family {name!r}; there are {', '.join(FAMILIES)}")
    return FAMILIES[name]
