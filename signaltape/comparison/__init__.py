"""Comparing a challenger with the champion: on a dataset, or on bars that both answered live."""

from signaltape.comparison.errors import ComparisonError
from signaltape.comparison.material import LoadedModel, Material, of_dataset, of_live, on_dataset
from signaltape.comparison.run import Compared, Judged, compare_models, nothing_live, verdict_of

__all__ = [
    "Compared",
    "ComparisonError",
    "Judged",
    "LoadedModel",
    "Material",
    "compare_models",
    "nothing_live",
    "of_dataset",
    "of_live",
    "on_dataset",
    "verdict_of",
]
