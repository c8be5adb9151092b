"""The numbers in docstrings are true."""

import doctest
from types import ModuleType

import pytest

from signaltape.backtest import wording
from signaltape.reports import axes


@pytest.mark.parametrize("module", [wording, axes], ids=lambda module: module.__name__)
def test_examples_in_docstrings(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
