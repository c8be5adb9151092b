"""Symbol → partition, as Java's default partitioner does it: murmur2 of the key's UTF-8 bytes.

Source: ``org.apache.kafka.common.utils.Utils.murmur2``; librdkafka calls it ``partitioner=murmur2``.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from schemas.fields import I8Array

_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """Return the 32-bit hash of ``data`` (unsigned).

    >>> hex(murmur2(b"abc"))
    '0x1c94221b'
    """
    value = (0x9747B28C ^ len(data)) & _MASK
    whole = len(data) & ~3
    for at in range(0, whole, 4):
        word = int.from_bytes(data[at : at + 4], "little") * _M & _MASK
        word = (word ^ (word >> 24)) * _M & _MASK
        value = value * _M & _MASK ^ word
    rest = data[whole:]
    if rest:
        value = (value ^ int.from_bytes(rest, "little")) * _M & _MASK
    value = (value ^ (value >> 13)) * _M & _MASK
    return value ^ (value >> 15)


@lru_cache(maxsize=200_000)
def partition_of(symbol: str, partitions: int) -> int:
    """Return the partition (0 … partitions - 1) on which a symbol lives."""
    return (murmur2(symbol.encode()) & 0x7FFFFFFF) % partitions


def partitions_of(symbols: Sequence[str], partitions: int) -> I8Array:
    """Return the partition of each symbol, int64 of shape (n,)."""
    return np.fromiter((partition_of(symbol, partitions) for symbol in symbols), np.int64, len(symbols))
