"""The hashing of rows against a slow reference, and every kind of change that a digest must show."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.digests.content import feature_hashes, prediction_hashes, signal_hashes
from pipeline.digests.digest import Digest, grouped, total
from pipeline.digests.mixing import mixed, multipliers
from pipeline.digests.tally import DigestKey, Tally
from schemas.features import FeatureBatch
from schemas.predictions import DIRECTIONS, OUTCOMES, STATUSES, PredictionBatch
from schemas.signals import Signal
from tests.support import plain_digests as plain
from tests.support.message_strategies import messages
from tests.support.rounds import START, feature_batch
from tests.support.store_messages import prediction_batch, signal

SOME = settings(max_examples=60, deadline=None)
COLUMNS = ("values", "valid", "close", "available_time")


def known_codes(batch: PredictionBatch) -> PredictionBatch:
    codes = {"status": len(STATUSES), "direction": len(DIRECTIONS), "outcome": len(OUTCOMES)}
    return replace(batch, **{name: getattr(batch, name) % count for name, count in codes.items()})


def take(batch: FeatureBatch, rows: Any) -> FeatureBatch:
    columns = {name: getattr(batch, name)[rows] for name in COLUMNS}
    return replace(batch, symbols=tuple(batch.symbols[row] for row in rows), **columns)


def market(rng: np.random.Generator, n: int, width: int = 5) -> FeatureBatch:
    """A cross-section of awkward values: zeros of both signs, denormals, equal ones, masked ones."""
    values = rng.choice([0.0, -0.0, 5e-324, 1.5, -1.5, 1e308], (n, width))
    values = np.where(rng.random((n, width)) < 0.5, values, rng.standard_normal((n, width)))
    valid = rng.random((n, width)) < 0.9
    return feature_batch(
        START,
        7,
        tuple(f"S{row}" for row in range(n)),
        width=width,
        values=np.where(valid, values, 0.0),
        valid=valid,
        close=rng.lognormal(size=n),
        available_time=START + rng.integers(0, 10**9, n),
    )


def digest(batch: FeatureBatch) -> Digest:
    return Digest.of(feature_hashes([batch]))


def parts(one: Digest) -> tuple[int, int, int]:
    return one.count, one.first, one.second


@SOME
@given(messages("FeatureBatch"), messages("PredictionBatch"), st.lists(messages("Signal"), max_size=4))
def test_the_kernel_agrees_with_the_reference(
    features: FeatureBatch, predictions: PredictionBatch, signals: list[Signal]
) -> None:
    # The longest times would leave 64 bits where a microsecond is rounded up.
    features = replace(features, event_time=features.event_time // 2, available_time=features.available_time // 2)
    predictions = replace(known_codes(predictions), event_time=predictions.event_time // 2)
    signals = [replace(one, event_time=one.event_time // 2, expires_at=one.expires_at // 2) for one in signals]
    assert parts(digest(features)) == plain.digest(plain.feature_rows(features))
    assert parts(Digest.of(prediction_hashes([predictions]))) == plain.digest(plain.prediction_rows(predictions))
    assert parts(Digest.of(signal_hashes(signals))) == plain.digest(plain.signal_rows(signals))


def test_long_cross_sections_agree_with_the_reference() -> None:
    """Longer than one pass of the kernel."""
    batch = market(np.random.default_rng(1), 2_000, width=34)
    assert parts(digest(batch)) == plain.digest(plain.feature_rows(batch))


def test_known_values_of_the_mixer() -> None:
    """The first numbers of SplitMix64 seeded with 0, as its authors' code prints them."""
    published = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    steps = np.array([number * 0x9E3779B97F4A7C15 % 2**64 for number in (1, 2, 3)], dtype=np.uint64)
    assert mixed(steps).tolist() == published
    assert multipliers(2).ravel()[:3].tolist() == [one | 1 for one in published]


@SOME
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(0, 4))
def test_neither_order_nor_batching_matters(seed: int, n: int, cuts: int) -> None:
    rng = np.random.default_rng(seed)
    batch = market(rng, n)
    rows = rng.permutation(n)
    pieces = np.split(rows, np.sort(rng.integers(0, n + 1, cuts)))
    assert total(digest(take(batch, piece)) for piece in pieces) == digest(batch)
    tally, whole = Tally(), Tally()
    for piece in pieces:
        tally.features(take(batch, piece))
    whole.features(batch)
    together = Tally()
    together.features(*(take(batch, piece) for piece in pieces))
    assert tally.digests == whole.digests == {DigestKey("features", "core:1", "1m", START): digest(batch)}
    assert together.digests == whole.digests


@SOME
@given(st.integers(0, 2**32 - 1), st.data())
def test_every_flipped_bit_shows_in_both_lanes_of_its_row(seed: int, data: st.DataObject) -> None:
    batch = market(np.random.default_rng(seed), 6)
    row, bit = data.draw(st.integers(0, 5)), data.draw(st.integers(0, 63))
    column = data.draw(st.sampled_from([*range(5), "close"]))
    values, close = batch.values.copy(), batch.close.copy()
    place = close[row : row + 1] if column == "close" else values[row, column : column + 1]  # type: ignore[operator]
    place.view(np.uint64)[0] ^= np.uint64(1) << np.uint64(bit)
    before, after = feature_hashes([batch]), feature_hashes([replace(batch, values=values, close=close)])
    changed = column == "close" or bool(batch.valid[row, column])  # type: ignore[call-overload]
    assert ((before[row] != after[row]) == changed).all()
    others = np.arange(6) != row
    assert (before[others] == after[others]).all()


def test_a_masked_value_is_one_whatever_stands_there_and_is_no_zero() -> None:
    batch = feature_batch(START, 7)
    assert not batch.valid.all()
    rubbish = replace(batch, values=np.where(batch.valid, batch.values, 9.0))
    assert digest(rubbish) == digest(batch)
    zeros = replace(batch, valid=np.ones_like(batch.valid))
    assert digest(zeros) != digest(batch)
    assert digest(replace(zeros, values=np.where(batch.valid, batch.values, -0.0))) != digest(zeros)


@SOME
@given(st.integers(0, 2**32 - 1), st.data())
def test_rows_that_are_lost_doubled_or_exchanged_show(seed: int, data: st.DataObject) -> None:
    rng = np.random.default_rng(seed)
    batch = market(rng, 8)
    first, second = data.draw(st.permutations(range(8)))[:2]
    whole = digest(batch)
    left = [row for row in range(8) if row != first]
    assert digest(take(batch, left)) != whole
    assert digest(take(batch, [*range(8), first])) != whole
    assert digest(take(batch, [*range(8), first, first])) != whole, "a pair doesn't cancel"
    assert digest(take(batch, [*left, second])) != whole, "one doubled, one lost: the count is the same"
    names = list(batch.symbols)
    names[first], names[second] = names[second], names[first]
    assert digest(replace(batch, symbols=tuple(names))) != whole, "two vectors changed their symbols"
    values = batch.values.copy()
    values[[first, second], 2] = values[[second, first], 2]
    valid = batch.valid.copy()
    valid[[first, second], 2] = valid[[second, first], 2]
    same = (values == batch.values).all() and (np.signbit(values) == np.signbit(batch.values)).all()
    exchanged = not (same and (valid == batch.valid).all())
    assert (digest(replace(batch, values=values, valid=valid)) != whole) == exchanged


@SOME
@given(st.integers(0, 2**32 - 1), st.integers(0, 7), st.integers(0, 7))
def test_two_flipped_signs_do_not_cancel(seed: int, first: int, second: int) -> None:
    values = np.random.default_rng(seed).standard_normal((8, 5))
    batch = feature_batch(
        START, 7, tuple("ABCDEFGH"), width=5, values=values, valid=np.ones((8, 5), bool),
        close=np.ones(8), available_time=np.full(8, START),
    )  # fmt: skip
    flipped = values.copy()
    flipped[first, 1] *= -1
    flipped[second, 3] *= -1
    assert digest(replace(batch, values=flipped)) != digest(batch)


PREDICTION_CHANGES: dict[str, Any] = {
    "strategy": "other", "model": "other", "model_version": 4, "model_sha256": "1" * 64, "role": "arm",
    "interval": "5m", "horizon": 6, "event_time": START, "symbols": ("A", "C"), "experiment": "e",
    "score": np.nextafter([-0.005, 0.005], 1.0), "confidence": np.array([0.75, 0.5]),
    "status": np.array([0, 1], np.uint8), "direction": np.array([0, 2], np.uint8),
    "outcome": np.array([1, 2], np.uint8),
}  # fmt: skip
#: What is not canonical, or comes from how the record came about.
PREDICTION_REST: dict[str, Any] = {
    "source_partition": 9, "source_position": (99, 1), "model_latency": 1, "deadline_missed": True,
    "breaker_open": True, "numerics": "x", "shadows": ("x:1",), "feature_set": "x", "set_version": 9, "set_hash": "x",
}  # fmt: skip


def test_every_field_of_a_prediction_is_told_apart_or_left_out_on_purpose() -> None:
    batch = prediction_batch(1)
    before = prediction_hashes([batch])
    for name, value in PREDICTION_CHANGES.items():
        changed = prediction_hashes([replace(batch, **{name: value})])
        assert (changed != before).any(), name
    for name, value in PREDICTION_REST.items():
        assert (prediction_hashes([replace(batch, **{name: value})]) == before).all(), name
    assert {*PREDICTION_CHANGES, *PREDICTION_REST} == set(PredictionBatch.__dataclass_fields__) - {"TYPE"}


SIGNAL_CHANGES: dict[str, Any] = {
    "signal_id": "x", "symbol": "B", "signal": "short", "score": np.nextafter(0.01, 1), "confidence": 0.5,
    "event_time": START, "interval": "5m", "horizon": 6, "reference_price": 100.25, "position_scale": 0.5,
    "strategy": "other", "model": "other", "model_version": 4, "models": ("ridge:3trees:1",), "expires_at": START,
    "reason": "fallback",
}  # fmt: skip


def test_every_field_of_a_signal_is_told_apart_or_left_out_on_purpose() -> None:
    one = signal(1)
    before = signal_hashes([one])
    for name, value in SIGNAL_CHANGES.items():
        assert (signal_hashes([replace(one, **{name: value})]) != before).all(), name
    rest = {"seq": 99, "timestamp": 1.0, "source": (9, 9)}
    assert (signal_hashes([replace(one, **rest)]) == before).all()
    assert {*SIGNAL_CHANGES, *rest} == set(Signal.__dataclass_fields__) - {"TYPE"}


def test_signals_of_several_bars_are_added_up_by_bar() -> None:
    sent = [signal(number, symbol=symbol) for number in (1, 2, 1) for symbol in "AB"]
    tally = Tally()
    tally.signals(sent)
    tally.signals([])
    assert {key.event_time: one.count for key, one in tally} == {sent[0].event_time: 4, sent[2].event_time: 2}
    assert total(one for _, one in tally) == Digest.of(signal_hashes(sent))


@SOME
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40), st.sampled_from(["core", "minimal"])), max_size=8))
def test_batches_hashed_together_count_as_if_alone(drawn: list[tuple[int, int, str]]) -> None:
    """Of several sets, bar times and models, in batches short and long, live and corrected."""
    rng = np.random.default_rng(len(drawn))
    features = [
        replace(market(rng, n), feature_set=name, event_time=START + at, kind=("live", "correction")[at % 2])
        for at, n, name in drawn
    ]
    calls = [
        prediction_batch(at, tuple(f"S{row}" for row in range(n)), model=name, horizon=at + 1, experiment=name)
        for at, n, name in drawn
    ]
    together, alone, slow = Tally(), Tally(), plain.PlainTally()
    together.features(*features)
    together.predictions(*calls)
    for batch, call in zip(features, calls, strict=True):
        alone.features(batch)
        alone.predictions(call)
        slow.features(batch)
        slow.predictions(call)
    assert together.digests == alone.digests
    assert {tuple(key): parts(one) for key, one in together} == slow.digests


def test_empty_batches_leave_nothing() -> None:
    tally = Tally()
    tally.features(feature_batch(START, 1, ()))
    tally.predictions(prediction_batch(1, ()))
    assert tally.digests == {}


@given(st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1)), max_size=20))
def test_lanes_survive_being_kept_as_signed_numbers(pairs: list[tuple[int, int]]) -> None:
    hashes = np.array(pairs, dtype=np.uint64).reshape(-1, 2)
    one = Digest.of(hashes)
    assert all(-(2**63) <= lane < 2**63 for lane in one.lanes)
    assert Digest.of_lanes(one.count, *one.lanes) == one
    assert parts(one) == (len(pairs), sum(a for a, _ in pairs) % 2**64, sum(b for _, b in pairs) % 2**64)


def test_groups_are_summed_apart() -> None:
    hashes = np.array([[2**63, 1], [2**63, 2], [5, 7]], dtype=np.uint64)
    assert grouped(hashes, np.array([2, 2, 0]), 3) == [
        Digest(count=1, first=5, second=7),
        Digest(),
        Digest(count=2, first=0, second=3),
    ]


@pytest.mark.parametrize("text", ["", "Æ", "a\x00"])
def test_any_text_is_a_word(text: str) -> None:
    batch = feature_batch(START, 1, (text,))
    assert parts(digest(batch)) == plain.digest(plain.feature_rows(batch))
