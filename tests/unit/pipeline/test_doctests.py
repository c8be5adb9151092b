"""The examples in the text of every feature family, and of what is shown beside them, hold."""

import doctest
import importlib
import pkgutil
from types import ModuleType

import pytest

import pipeline.features
from pipeline import series
from pipeline.features import FAMILIES, catalog
from pipeline.features.base import Family

MODULES = [
    importlib.import_module(found.name)
    for found in pkgutil.walk_packages(pipeline.features.__path__, "pipeline.features.")
]
HOMES = [module for module in MODULES if isinstance(getattr(module, "FAMILY", None), Family)]


def test_every_family_has_a_file_of_its_own() -> None:
    assert {id(module.FAMILY) for module in HOMES} == {id(family) for family in FAMILIES}


@pytest.mark.parametrize("module", [*HOMES, catalog, series], ids=lambda module: module.__name__)
def test_examples(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted, "no example"
    assert result.failed == 0
