"""Training: bars → features by the live engine → a model as one ONNX graph, judged on rows it never saw.

What makes models needs libraries that services are installed without, so it is loaded when it is asked for: who only
judges models (a comparison, the console) takes rows and options from here.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from signaltape.training.errors import TrainingError
from signaltape.training.options import TrainOptions

if TYPE_CHECKING:
    from signaltape.training.search import Search
    from signaltape.training.workflow import Course, Trained, train, train_on_dataset

__all__ = ["Course", "Search", "TrainOptions", "Trained", "TrainingError", "train", "train_on_dataset"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module(f"{__name__}.{'search' if name == 'Search' else 'workflow'}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
