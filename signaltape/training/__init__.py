"""Training: bars → features by the live engine → a model as one ONNX graph, judged on rows it never saw."""

from signaltape.training.errors import TrainingError
from signaltape.training.options import TrainOptions
from signaltape.training.search import Search
from signaltape.training.workflow import Course, Trained, train, train_on_dataset

__all__ = ["Course", "Search", "TrainOptions", "Trained", "TrainingError", "train", "train_on_dataset"]
