"""The hash of a row: two 64-bit lanes over the row's 64-bit words, computed for all rows of a table at once.

With words ``x[j]``, a bijection ``mix`` of 64 bits and odd constants ``c[lane, j]``, all modulo 2^64::

    hash[lane] = mix(start[lane] + Σ_j c[lane, j] · mix(x[j]))

A change of one word always changes both lanes: ``mix`` is one-to-one, and an odd factor has an inverse. Changes of
several words cancel only if their mixed differences meet the constants' ratios in both lanes; ``mix`` is not linear, so
two flipped signs, or two values that changed places, have no reason to. For changes that don't know these constants
that happens once in about 2^128. It is no protection against somebody who chooses the contents to collide.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from pipeline.digests.words import U8Array, words_of_texts

_MASK = (1 << 64) - 1
#: SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014): step, and the finaliser's
#: factors and shifts.
_STEP = 0x9E3779B97F4A7C15
_FACTORS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))
#: Words of one pass: what is worked on stays in the processor's cache.
_PASS = 16_384


def mixed(words: U8Array) -> U8Array:
    """Return the finaliser of SplitMix64 of every word: one-to-one, and every bit depends on every bit."""
    first, second = _FACTORS
    found = words >> _SHIFTS[0]
    found ^= words
    found *= first
    found ^= found >> _SHIFTS[1]
    found *= second
    found ^= found >> _SHIFTS[2]
    return found


@lru_cache(maxsize=64)
def multipliers(width: int) -> U8Array:
    """Return the odd constants of ``width`` columns, shape (width, 2): SplitMix64's sequence from zero on."""
    steps = np.array([(number * _STEP) & _MASK for number in range(1, 2 * width + 1)], dtype=np.uint64)
    return (mixed(steps) | np.uint64(1)).reshape(width, 2)


def row_hashes(kind: str, count: int, blocks: Sequence[U8Array]) -> U8Array:
    """Return the hashes of ``count`` rows, uint64 (count, 2).

    ``blocks``: the rows' words in a fixed order, each of shape (count, k), or (1, k) where all rows share them.
    ``kind`` keeps rows of different kinds apart. The result of a row depends on its own words alone.
    """
    constants = multipliers(sum(block.shape[1] for block in blocks))
    total = np.repeat(words_of_texts((kind,)), count, axis=0)
    at = 0
    for block in blocks:
        width = block.shape[1]
        factors = constants[at : at + width]
        at += width
        if block.shape[0] != count or count == 1:
            total += mixed(block) @ factors
            continue
        step = max(1, _PASS // max(1, width))
        for start in range(0, count, step):
            total[start : start + step] += mixed(block[start : start + step]) @ factors
    return mixed(total)
