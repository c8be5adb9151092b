"""Values as 64-bit words: numbers as their bits, texts as 128 bits of BLAKE2b. Equal words mean equal values."""

import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.fields import BoolArray, F8Array, I8Array

U8Array = npt.NDArray[np.uint64]

#: Stands for a value that is masked: a NaN that no arithmetic makes and no database returns.
MASKED = np.uint64(0x7FF4_7369_676E_616C)


def text_bytes(text: str) -> bytes:
    """Return the 16 bytes that stand for a text; both words are little-endian."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


_known_bytes = lru_cache(maxsize=65_536)(text_bytes)


def words_of_texts(texts: Sequence[str]) -> U8Array:
    """Return the words of texts that come again and again, uint64 (n, 2)."""
    return _words(map(_known_bytes, texts))


def words_of_ids(ids: Sequence[str]) -> U8Array:
    """Return the words of texts that come once, uint64 (n, 2)."""
    return _words(map(text_bytes, ids))


@lru_cache(maxsize=128)
def words_of_names(names: tuple[str, ...]) -> U8Array:
    """Return the words of a cross-section's names, uint64 (n, 2): the same ones come again with every bar."""
    return words_of_texts(names)


@lru_cache(maxsize=1_024)
def list_text(texts: tuple[str, ...]) -> str:
    """Return one text for a list of them, another one for every other list."""
    return "".join(f"{len(text)}:{text}" for text in texts)


def words_of_numbers(*columns: F8Array | I8Array | Sequence[int]) -> U8Array:
    """Return the bits of number columns side by side, uint64 (n, columns).

    -0.0 is another value than 0.0: what is promised is the same bits, and SQL keeps the sign.
    """
    return np.stack([_bits(np.asarray(column)) for column in columns], axis=1)


def words_of_values(values: F8Array, valid: BoolArray) -> U8Array:
    """Return the bits of a matrix (n, width), one word for every masked value whatever stands there."""
    words = np.ascontiguousarray(values).view(np.uint64)
    return words if valid.all() else np.where(valid, words, MASKED)


def microseconds(times: I8Array) -> I8Array:
    """Return times (ns) as SQL keeps them: whole microseconds, a finer part rounded up."""
    found: I8Array = -(-times // 1_000)
    return found


def _bits(column: npt.NDArray[Any]) -> U8Array:
    if column.dtype == np.float64:
        return np.ascontiguousarray(column).view(np.uint64)
    return column.astype(np.int64).view(np.uint64)


def _words(texts: Iterable[bytes]) -> U8Array:
    return np.frombuffer(b"".join(texts), dtype="<u8").reshape(-1, 2)
