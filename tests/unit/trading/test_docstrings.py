"""The examples in the docstrings of the files below ``pipeline/trading``."""

import doctest
import importlib
import pkgutil

import pytest

import pipeline.trading

pytestmark = pytest.mark.unit
NAMES = [found.name for found in pkgutil.iter_modules(pipeline.trading.__path__, "pipeline.trading.")]


def test_examples() -> None:
    results = [doctest.testmod(importlib.import_module(name)) for name in NAMES]
    assert sum(one.failed for one in results) == 0
    assert sum(one.attempted for one in results) >= 4
