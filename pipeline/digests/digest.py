"""The digest of many rows: how many there are, and the sums of their hashes."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pipeline.digests.words import U8Array
from schemas.fields import I8Array

_MODULUS = 1 << 64
_SIGN = 1 << 63


@dataclass(frozen=True, kw_only=True, slots=True)
class Digest:
    """Digest of a multiset of rows: ``count`` rows, and the sums of their hashes modulo 2^64 in both lanes.

    A sum knows neither order nor batching, and counts a row that is there twice twice. What equal digests say: the same
    number of rows with, as far as accidents go, the same bits. Rows that were lost, doubled, changed in any bit or
    exchanged go unseen with a probability of about 2^-128, a change within one row of one value never. What they don't
    say: that nobody who knows the hash has made other rows with the same digest.
    """

    count: int = 0
    first: int = 0
    second: int = 0

    def __add__(self, other: "Digest") -> "Digest":
        """Return the digest of both multisets together."""
        return Digest(
            count=self.count + other.count,
            first=(self.first + other.first) % _MODULUS,
            second=(self.second + other.second) % _MODULUS,
        )

    def __str__(self) -> str:
        return f"{self.first:016x}{self.second:016x}/{self.count}"

    @property
    def lanes(self) -> tuple[int, int]:
        """Both lanes as signed integers of 64 bits, as SQL keeps them."""
        return _signed(self.first), _signed(self.second)

    @classmethod
    def of_lanes(cls, count: int, first: int, second: int) -> "Digest":
        """Return the digest with these lanes, or sums of lanes, signed or not."""
        return cls(count=count, first=first % _MODULUS, second=second % _MODULUS)

    @classmethod
    def of(cls, hashes: U8Array) -> "Digest":
        """Return the digest of the rows with these hashes, uint64 (n, 2)."""
        first, second = hashes.sum(axis=0, dtype=np.uint64).tolist()
        return cls(count=hashes.shape[0], first=first, second=second)


def grouped(hashes: U8Array, group: I8Array, groups: int) -> list[Digest]:
    """Return one digest for each of ``groups`` numbers; ``group`` (n,) says to which one each row belongs."""
    sums = np.zeros((groups, 2), dtype=np.uint64)
    np.add.at(sums, group, hashes)
    counts = np.bincount(group, minlength=groups)
    return [
        Digest(count=count, first=first, second=second)
        for count, (first, second) in zip(counts.tolist(), sums.tolist(), strict=True)
    ]


def total(digests: Iterable[Digest]) -> Digest:
    """Return the digest of all together."""
    return sum(digests, start=Digest())


def _signed(lane: int) -> int:
    return lane - _MODULUS if lane >= _SIGN else lane
