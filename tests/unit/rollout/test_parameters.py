"""Parameters of the command line; what each may be is tested where every event is checked."""

import doctest

import pytest

from signaltape.rollout import parameters
from signaltape.rollout.parameters import ParameterRefused, parse


def test_example() -> None:
    assert doctest.testmod(parameters).failed == 0


def test_an_empty_list_is_no_restriction() -> None:
    assert parse(["symbols=", "directions= long , flat "]) == {"symbols": [], "directions": ["long", "flat"]}


@pytest.mark.parametrize("text", ["long", "dedup_window_ns=5", "dedup_window_s=nan", "min_confidence=high", "=1"])
def test_refused(text: str) -> None:
    with pytest.raises(ParameterRefused):
        parse([text])


def test_twice_is_refused() -> None:
    with pytest.raises(ParameterRefused, match="twice"):
        parse(["long=1", "long=2"])
