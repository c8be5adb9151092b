"""Which symbols an experiment's arm serves: a stable hash, the same in every process, release and replay."""

import hashlib
from functools import lru_cache

import numpy as np

from schemas.fields import BoolArray

_PLACES = 2**53


def place_of(experiment: str, symbol: str) -> float:
    """Return a symbol's place in [0, 1): the first 53 bits of SHA-256 over both names, each with its length in front.

    Places of different symbols, and of one symbol in different experiments, are independent and uniform. Python's
    own ``hash`` would differ between processes.

    >>> round(place_of("exp-1", "AAPL"), 6), round(place_of("exp-2", "AAPL"), 6)
    (0.221333, 0.458296)
    """
    framed = b"".join(len(data).to_bytes(4, "little") + data for data in (experiment.encode(), symbol.encode()))
    return (int.from_bytes(hashlib.sha256(framed).digest()[:8], "big") >> 11) / _PLACES


@lru_cache(maxsize=64)
def arm_mask(experiment: str, ratio: float, symbols: tuple[str, ...]) -> BoolArray:
    """Return which symbols the arm serves (bool, shape (n,), read-only): those whose place is below ``ratio``.

    The others are the live model's. A larger ratio only adds symbols to the arm.
    """
    mask = np.fromiter((place_of(experiment, symbol) < ratio for symbol in symbols), dtype=np.bool_, count=len(symbols))
    mask.setflags(write=False)
    return mask
