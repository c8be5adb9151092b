"""The examples in the docstrings of every file below ``pipeline/drift``."""

import doctest
import importlib
import pkgutil
from types import ModuleType

import pytest

import pipeline.drift

pytestmark = pytest.mark.unit
MODULES = [
    importlib.import_module(found.name)
    for found in pkgutil.walk_packages(pipeline.drift.__path__, "pipeline.drift.")
    if not found.ispkg
]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.removeprefix("pipeline.drift."))
def test_examples(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    assert sum(bool(found.examples) for module in MODULES for found in finder.find(module)) > 10
