"""Digests in a database: kept with the rows, whatever is repeated, told apart, and rebuilt from rows."""

from dataclasses import replace

import psycopg
import pytest

from infra.settings import Settings
from infra.warehouse import Connection, StaleEpoch, stored_digests
from infra.warehouse.checkpoints import take_epoch
from infra.warehouse.feature_rounds import FeatureRoundWriter
from infra.warehouse.store_rounds import StoreRoundWriter
from infra.warehouse.stored_digests import DigestSpan, pieces, recorded_digests, stored_row_digests
from pipeline.digests.tally import CORRECTIONS, FEATURES, PREDICTIONS, SIGNALS, DigestKey
from pipeline.numerics import fingerprint
from schemas.bars import StateRepair
from schemas.codec import encode
from schemas.intervals import DAY, MINUTE
from signaltape.verification.rebuilding import NO_DIGEST, NO_ROWS, compare_with_rows, rebuild_digests
from tests.support.digest_world import (
    BARS,
    PREDICTED,
    SENT,
    SPAN,
    SUBJECTS,
    expected,
    feature_round,
    store_round,
    take_all,
    vectors,
)
from tests.support.kept_digests import digests_and_differences
from tests.support.plain_digests import PlainTally, recorded
from tests.support.rounds import START, TOPIC


def test_digests_are_those_of_the_messages_and_of_the_rows(settings: Settings, filled: Connection) -> None:
    kept = recorded(settings.postgres.dsn, *(FEATURES, CORRECTIONS, PREDICTIONS, SIGNALS))
    assert kept == expected().digests
    assert len(kept) == BARS * 5
    read, differences = digests_and_differences(filled)
    assert {tuple(key): (one.count, one.first, one.second) for key, one in read.items()} == kept
    assert differences == []
    (piece,) = pieces(filled, replace(SPAN, stages=(FEATURES, PREDICTIONS)))
    found = recorded_digests(filled, piece)
    assert {one.numerics for key, one in found.items() if key.stage == FEATURES} == {frozenset([fingerprint()])}
    assert {one.numerics for key, one in found.items() if "ridge" in key.subject} == {frozenset(["0f"])}


def test_rows_without_digests_and_digests_without_rows_are_told_apart(filled: Connection) -> None:
    filled.execute("DELETE FROM digests WHERE stage = 'signals' AND event_time = to_timestamp(%s)", [START // 10**9])
    filled.execute("DELETE FROM predictions WHERE model = 'trees' AND event_time > to_timestamp(%s)", [START // 10**9])
    found = [(one.kind, one.key.stage) for one in compare_with_rows(filled, SPAN)]
    assert found == [(NO_DIGEST, SIGNALS), *[(NO_ROWS, PREDICTIONS)] * (BARS - 1)]


def test_a_round_that_is_repeated_leaves_its_digests_once(settings: Settings, database: Connection) -> None:
    """The same round again (a commit without an answer), one of a zombie, and one that dies before its commit."""
    take_all(database)
    features, store = FeatureRoundWriter(settings, TOPIC), StoreRoundWriter(settings)
    round_, call_round = feature_round(0, range(2)), store_round(PREDICTED, 0, range(2))
    for _ in range(2):
        features.write([round_])
        store.write([call_round])
    before = recorded(settings.postgres.dsn, FEATURES, PREDICTIONS)
    assert sum(one[0] for one in before.values()) == 2 * 3 * 4
    take_epoch(database, "features", TOPIC, 0)
    with pytest.raises(StaleEpoch):
        features.write([feature_round(0, range(2, 3))])
    broken = replace(store_round(PREDICTED, 0, range(2, 3), first=4), controls=[(0, None)])  # type: ignore[list-item]
    with pytest.raises(AttributeError):
        store.write([broken])
    assert recorded(settings.postgres.dsn, FEATURES, PREDICTIONS) == before
    assert list(compare_with_rows(database, SPAN)) == []
    features.close()
    store.close()


def test_messages_that_come_again_leave_no_digest(settings: Settings, filled: Connection) -> None:
    """The rows of two bars are there, those of a third are new; some messages are there twice within the round."""
    before = recorded(settings.postgres.dsn, PREDICTIONS, SIGNALS)
    store = StoreRoundWriter(settings)
    for topic in (PREDICTED, SENT):
        again = store_round(topic, 0, range(2, BARS + 1), first=50)
        twice = {name: [*getattr(again, name), *getattr(again, name)] for name in ("predictions", "signals")}
        report = store.write([replace(again, **twice)])
        assert sum(report.suppressed.values()) > 0
    after = recorded(settings.postgres.dsn, PREDICTIONS, SIGNALS)
    new = {key: one[0] for key, one in after.items() if key not in before}
    assert {key: one for key, one in after.items() if key in before} == before
    assert {key[3] for key in new} == {START + BARS * MINUTE}
    assert sorted(new.values()) == [3, 3, 3]
    assert list(compare_with_rows(filled, SPAN)) == []
    store.close()


def test_a_log_taken_anew_after_a_repair(settings: Settings, filled: Connection) -> None:
    """Features get rows and digests of a new generation; a reader asks for those of the present log."""
    filled.execute("UPDATE checkpoints SET generation = 2, first_generation = 2, epoch = 2, effect_offset = 0")
    features = FeatureRoundWriter(settings, TOPIC)
    features.write([feature_round(0, range(2), epoch=2, generation=2)])
    features.close()
    assert list(compare_with_rows(filled, SPAN)) == []
    present = replace(SPAN, stages=(FEATURES,), first_generations={0: 2, 1: 2})
    (piece,) = pieces(filled, present)
    kept = recorded_digests(filled, piece)
    assert {(key.event_time, key.subject): one.digest.count for key, one in kept.items()} == {
        (START + bar * MINUTE, subject): 3 for bar in range(2) for subject in SUBJECTS
    }
    assert list(compare_with_rows(filled, present)) == []


def test_the_agents_corrections_are_told_from_the_jobs(settings: Settings, database: Connection) -> None:
    """A StateRepair at offset 5 is applied, one at 6 dropped: what stands under 6 and under 2 is of the repair job."""
    take_all(database)
    writer = FeatureRoundWriter(settings, TOPIC)
    repair = StateRepair(
        symbol="S0", interval="1m", as_of_offset=2, last_event_time=START, available_time=START, state=b""
    )  # fmt: skip
    events = [(offset, "StateRepair", START, encode(repair)) for offset in (5, 6)]
    applied = vectors(0, 0, 5, kind="correction")
    writer.write([replace(feature_round(0, range(3)), next_offset=7, features=applied, log_events=events)])  # type: ignore[arg-type]
    writer.close()
    request = (
        "INSERT INTO repair_requests (generation, partition, source_offset, symbol, interval, event_time, reason)"
        " SELECT DISTINCT 1, partition, %s::bigint, symbol, interval, event_time, 'late' FROM features"
    )
    copy = (
        "INSERT INTO features SELECT feature_set, set_version, symbol, interval, event_time,"
        " 1::bigint << 40 | (%s::bigint + 1), available_time, ingest_time, kind, close, values, partition FROM features"
        " WHERE revision = 1::bigint << 40 | 6"
    )
    for offset in (2, 6):
        database.execute(request, [offset])
        database.execute(copy, [offset])
    tally = PlainTally()
    for batch in applied:
        tally.features(batch)
    assert recorded(settings.postgres.dsn, CORRECTIONS) == tally.digests
    assert list(compare_with_rows(database, SPAN)) == []
    database.execute("DELETE FROM digests")
    assert rebuild_digests(database, replace(SPAN, intervals=("1m",))).added == 2  # no bars say which there are
    assert recorded(settings.postgres.dsn, CORRECTIONS) == tally.digests


def test_rebuilt_from_rows_they_are_the_same(settings: Settings, filled: Connection) -> None:
    stages = (FEATURES, CORRECTIONS, PREDICTIONS, SIGNALS)
    before = recorded(settings.postgres.dsn, *stages)
    (piece,) = pieces(filled, SPAN)
    numerics = {key: one.numerics for key, one in recorded_digests(filled, piece).items()}
    filled.execute("DELETE FROM digests WHERE event_time > to_timestamp(%s)", [START // 10**9])
    report = rebuild_digests(filled, SPAN)
    assert (report.keys, report.added) == (BARS * 5, (BARS - 1) * 5 * 2)
    assert recorded(settings.postgres.dsn, *stages) == before
    found = recorded_digests(filled, piece)
    assert {key: one.numerics for key, one in found.items()} == numerics
    assert {key.event_time for key, one in found.items() if not one.rebuilt} == {START}
    assert rebuild_digests(filled, SPAN).added == 0
    assert list(compare_with_rows(filled, SPAN)) == []


def test_a_digest_that_is_there_is_not_made_anew(filled: Connection) -> None:
    """It is the record: rows that were changed since are held against it, not taken for it."""
    filled.execute(
        "UPDATE signals SET score = 0 WHERE symbol = 'S1' AND event_time = to_timestamp(%s)", [START // 10**9]
    )
    assert rebuild_digests(filled, SPAN).added == 0
    assert [one.key for one in compare_with_rows(filled, SPAN)] == [DigestKey(SIGNALS, "", "1m", START)]


def test_a_loaded_history_has_no_digests(filled: Connection) -> None:
    filled.execute(
        "INSERT INTO features SELECT feature_set, set_version, symbol, interval, event_time - INTERVAL '1 hour', 0,"
        " available_time, ingest_time, kind, close, values, partition FROM features"
    )
    wide = replace(SPAN, first=START - DAY)
    assert list(compare_with_rows(filled, wide)) == []
    assert rebuild_digests(filled, wide).added == 0


def test_a_long_span_is_read_in_pieces(filled: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bar times at the pieces' edges are each in one of them."""
    found = list(pieces(filled, DigestSpan(first=START - 3_000 * MINUTE, last=START + 10 * MINUTE, intervals=("1m",))))
    assert [one.last + 1 for one in found[:-1]] == [one.first for one in found[1:]]
    assert len(found) == 4
    assert list(pieces(filled, replace(SPAN, first=START - DAY, last=START - 1))) == []
    monkeypatch.setattr(stored_digests, "_BARS", 1)
    short = list(pieces(filled, SPAN))
    assert [one.first for one in short] == [START + bar * MINUTE for bar in range(BARS + 1)]
    for piece in short[:BARS]:
        with filled.transaction():
            made = [key.event_time for tally in stored_row_digests(filled, piece).values() for key in tally.digests]
        assert {key.event_time for key in recorded_digests(filled, piece)} == set(made) == {piece.first}


def test_a_digest_of_no_rows_is_none(database: Connection) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        database.execute(
            "INSERT INTO digests VALUES ('features', '', '1m', now(), 0, 'live', 1, 1, '', 0, 0, 0)"
        )  # fmt: skip
