"""Comparing a challenger with the champion: on a dataset, or on bars that both answered live."""

from signaltape.comparison.errors import ComparisonError
from signaltape.comparison.material import Material, of_dataset, of_live
from signaltape.comparison.run import Compared, compare_models, nothing_live

__all__ = ["Compared", "ComparisonError", "Material", "compare_models", "nothing_live", "of_dataset", "of_live"]
