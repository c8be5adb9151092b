"""Datasets: labelled features as they were known point in time, in a folder that can be verified."""

from signaltape.datasets.building import build_dataset, database_clock, rebuild
from signaltape.datasets.checking import CheckedDataset, first_difference, open_dataset
from signaltape.datasets.errors import DatasetError
from signaltape.datasets.manifest import Manifest
from signaltape.datasets.request import DatasetRequest, Span, read_universe

__all__ = [
    "CheckedDataset",
    "DatasetError",
    "DatasetRequest",
    "Manifest",
    "Span",
    "build_dataset",
    "database_clock",
    "first_difference",
    "open_dataset",
    "read_universe",
    "rebuild",
]
