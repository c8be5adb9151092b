"""Window reductions: the same bits at any number of symbols, in any layout, beside any neighbours."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pipeline.features
from pipeline import kernel
from pipeline.source_rules import offences

REDUCTIONS: dict[str, Callable[..., np.ndarray]] = {
    "sum": kernel.window_sum,
    "max": kernel.window_max,
    "min": kernel.window_min,
    "deepest": kernel.deepest_ratio,
    "squares": lambda x: kernel.squared_deviations(x, kernel.window_sum(x) / x.shape[0]),
    "absolute": lambda x: kernel.absolute_deviations(x, kernel.window_sum(x) / x.shape[0]),
}


def values(seed: int, bars: int, symbols: int) -> np.ndarray:
    return np.exp(np.random.default_rng(seed).normal(0.0, 3.0, (bars, symbols)))


@pytest.mark.parametrize("name", REDUCTIONS)
@given(seed=st.integers(0, 10_000), bars=st.integers(2, 33), symbols=st.sampled_from([1, 2, 3, 7, 191, 192, 193, 700]))
def test_each_symbol_alone_has_the_bits_it_has_among_others(name: str, seed: int, bars: int, symbols: int) -> None:
    x = values(seed, bars, symbols)
    together = REDUCTIONS[name](x)
    for place in {0, symbols // 2, symbols - 1}:
        alone = REDUCTIONS[name](x[:, place : place + 1])
        assert alone[0].tobytes() == together[place].tobytes()


@pytest.mark.parametrize("name", REDUCTIONS)
@given(seed=st.integers(0, 10_000), symbols=st.sampled_from([1, 5, 300]))
def test_layout_does_not_matter(name: str, seed: int, symbols: int) -> None:
    x = values(seed, 20, symbols)
    expected = REDUCTIONS[name](x).tobytes()
    wide = np.full((20, 3, symbols + 9), 7.0)
    wide[:, 1, 4 : 4 + symbols] = x
    assert REDUCTIONS[name](wide[:, 1, 4 : 4 + symbols]).tobytes() == expected
    assert REDUCTIONS[name](np.asfortranarray(x)).tobytes() == expected


def test_columns_side_by_side_have_the_bits_they_have_alone() -> None:
    x = values(3, 20, 4 * 90).reshape(20, 4, 90)
    together = kernel.window_sum(x)
    for column in range(4):
        assert together[column].tobytes() == kernel.window_sum(x[:, column]).tobytes()


@given(seed=st.integers(0, 10_000), symbols=st.sampled_from([1, 400]))
def test_sum_is_the_chain_from_the_oldest(seed: int, symbols: int) -> None:
    x = values(seed, 20, symbols)
    total = 0.0
    for value in x[:, 0].tolist():
        total += value
    assert float(kernel.window_sum(x)[0]) == total


def test_pairwise_sum_would_not_do() -> None:
    """Why the kernel exists: numpy's own sum gives one symbol other bits alone than among others."""
    x = values(1, 33, 64)
    assert any(np.sum(x[:, place]) != kernel.window_sum(x)[place] for place in range(64))


@pytest.mark.parametrize(
    "path", sorted(Path(pipeline.features.__file__).parent.rglob("*.py")), ids=lambda path: path.stem
)
def test_features_reduce_by_the_kernel_only(path: Path) -> None:
    assert offences(path.read_text()) == []


@pytest.mark.parametrize(
    "text",
    ["np.sum(x)", "x.mean(axis=0)", "x.std()", "a @ b", "import math", "from math import log", "np.dot(a, b)",
     "np.einsum('i,i', a, b)", "sum(x)", "np.add.reduce(x)", "from numpy import mean", "import time",
     "np.random.default_rng(1)", "def f():\n    global kept\n    kept = 1"],
)  # fmt: skip
def test_the_ban_sees_each_form(text: str) -> None:
    assert offences(text)
