"""What the engine relies on in numpy: an elementwise function gives a value the same bits wherever it stands."""

from collections.abc import Callable

import numpy as np
import pytest

FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "log": np.log,
    "sqrt": np.sqrt,
    "divide": lambda x: 1.0 / x,
    "multiply_add": lambda x: x * 0.3 + 1.7 * x,
    "abs": lambda x: np.abs(x - 1.0),
}
VALUES = np.exp(np.random.default_rng(4).normal(0.0, 4.0, 1_031))


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 1_000])
@pytest.mark.parametrize("start", [0, 1, 3, 5])
def test_length_and_offset_do_not_matter(name: str, length: int, start: int) -> None:
    whole = FUNCTIONS[name](VALUES)
    assert FUNCTIONS[name](VALUES[start : start + length]).tobytes() == whole[start : start + length].tobytes()


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("step", [2, 3, 7])
def test_stride_does_not_matter(name: str, step: int) -> None:
    assert FUNCTIONS[name](VALUES[::step]).tobytes() == FUNCTIONS[name](VALUES)[::step].tobytes()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_writing_into_a_strided_place_does_not_matter(name: str) -> None:
    place = np.zeros((VALUES.shape[0], 3))
    place[:, 1] = FUNCTIONS[name](VALUES)
    assert place[:, 1].tobytes() == FUNCTIONS[name](VALUES).tobytes()
