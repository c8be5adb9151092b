"""Ranges that can't be verified, or not wholly: each says why, and what to do."""

from dataclasses import replace

import pytest

from infra.history.errors import HistoryError
from infra.settings import Settings
from infra.warehouse.moments import to_moment
from schemas.bars import StateRepair
from schemas.codec import decode, encode
from signaltape.verification.errors import VerificationError
from signaltape.verification.text import lines
from tests.support.commands import Run, runner
from tests.support.explained_run import CHANGED, FIRST, SWAPPED, at
from tests.support.planted_changes import ask, planted, rows


@pytest.fixture
def command(flown: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(flown, monkeypatch, capsys)


USAGE = [
    (("--from", "2024-10-04T00:30:00", "--to", "2024-10-04T00:40:00Z"), "has no zone"),
    (("--from", "yesterday", "--to", "2024-10-04T00:40:00Z"), "--from: "),
    (("--from", "2024-10-04T00:40:00Z", "--to", "2024-10-04T00:30:00Z"), "--to lies before --from"),
    (("--from", "2024-10-04T00:40:00Z"), "--to"),
    (("--from", "1", "--to", "2", "--batch-rows", "0"), "--batch-rows"),
    (("--from", "1", "--to", "2", "--all", "0"), "--all"),
]


@pytest.mark.parametrize(("arguments", "told"), USAGE)
def test_usage(command: Run, arguments: tuple[str, ...], told: str) -> None:
    done = command("verify", *arguments)
    assert (done.code, done.out) == (2, "")
    assert told in done.err


def test_no_bars(flown: Settings, command: Run) -> None:
    done = command("verify", "--from", "2001-01-01T00:00:00Z", "--to", "2001-01-02T00:00:00Z")
    assert (done.code, done.out) == (1, "")
    assert "no bar of the log closes from 2001-01-01T00:00:00Z to 2001-01-02T00:00:00Z: stored bars close" in done.err
    with pytest.raises(HistoryError, match="no bar of the log"):
        ask(flown, CHANGED + 100, CHANGED + 200)


def test_bars_of_another_source_make_no_features(flown: Settings) -> None:
    where = "interval = '1m' AND event_time <= %s"
    with (
        planted(flown, "bars", f"UPDATE bars SET status = 'secondary' WHERE {where}", to_moment(at(FIRST)), count=None),
        pytest.raises(HistoryError, match=r"bars of the range make no features \([1-9].* secondary\)"),
    ):
        ask(flown, 0, FIRST)


def test_bars_loaded_in_bulk_are_in_no_log(flown: Settings) -> None:
    where = "interval = '1m' AND event_time <= %s"
    with (
        planted(flown, "bars", f"UPDATE bars SET generation = 0 WHERE {where}", to_moment(at(FIRST)), count=None),
        pytest.raises(HistoryError, match="were loaded by `backfill` and lie in no log"),
    ):
        ask(flown, 0, FIRST)


def test_a_log_that_was_begun_anew(flown: Settings) -> None:
    """Its bars are of another generation; a range that reaches into both is refused, naming from when on it goes."""
    both = "UPDATE checkpoints SET first_generation = 2, generation = 2 WHERE service = 'features'"
    with planted(flown, "checkpoints", both, count=None):
        with pytest.raises(HistoryError, match="are of a log that was begun anew since"):
            ask(flown)
        later = "UPDATE bars SET generation = 2 WHERE event_time >= %s"
        with (
            planted(flown, "bars", later, to_moment(at(SWAPPED)), count=None),
            pytest.raises(VerificationError, match="give --from 2024-10-04T01:03:00Z or later"),
        ):
            ask(flown)


def test_a_feature_set_that_has_changed_since(flown: Settings) -> None:
    with (
        planted(flown, "feature_sets", "UPDATE feature_sets SET set_hash = 'other'"),
        pytest.raises(VerificationError, match=r"feature set core v1 has changed since: .* under the hash other"),
    ):
        ask(flown)
    with (
        planted(flown, "feature_sets", "UPDATE feature_sets SET feature_set = 'own'"),
        planted(flown, "features", "UPDATE features SET feature_set = 'own'", count=None),
        pytest.raises(VerificationError, match="rows of feature set own v1 are stored, the settings compute core"),
    ):
        ask(flown)


def test_the_store_has_not_caught_up(flown: Settings) -> None:
    """Rows and digests of the last bars aren't there yet."""
    late = to_moment(at(CHANGED - 3))
    count = rows(flown, "SELECT count(*) FROM predictions WHERE event_time >= %s", late)[0][0]
    with (
        planted(flown, "predictions", "DELETE FROM predictions WHERE event_time >= %s", late, count=count),
        planted(flown, "model_calls", "DELETE FROM model_calls WHERE event_time >= %s", late, count=None),
        planted(
            flown, "digests", "DELETE FROM digests WHERE event_time >= %s AND stage <> 'features'", late, count=None
        ),
    ):
        signals = rows(flown, "SELECT count(*) FROM signals WHERE event_time >= %s", late)[0][0]
        if signals:
            with planted(flown, "signals", "DELETE FROM signals WHERE event_time >= %s", late, count=None):
                made = ask(flown)
        else:
            made = ask(flown)
        before = ask(flown, 0, CHANGED - 4)
    assert (made.verdict, sum(made.waiting.values()), made.differences) == ("not proven", count, ())
    assert "the store has not caught up" in "\n".join(lines(made))
    assert before.verdict == "equal"


def test_neither_rows_nor_digests_are_left(flown: Settings) -> None:
    early = to_moment(at(FIRST))
    with (
        planted(flown, "features", "DELETE FROM features WHERE event_time < %s", early, count=None),
        planted(flown, "digests", "DELETE FROM digests WHERE event_time < %s", early, count=None),
    ):
        made = ask(flown)
    assert (made.verdict, made.differences) == ("not proven", ())
    assert made.unproven["features"] > 0
    assert "are kept: nothing to compare" in "\n".join(lines(made))


def test_states_of_other_code(flown: Settings) -> None:
    """A state in the log that this release refuses: said beside what differs for that reason."""
    found = rows(flown, "SELECT partition, source_offset, payload FROM log_events WHERE type = 'StateRepair'")
    partition, offset, payload = found[0]
    message = decode(bytes(payload))
    assert isinstance(message, StateRepair)
    other = encode(replace(message, state=b"other" + message.state))
    do = "UPDATE log_events SET payload = %s WHERE partition = %s AND source_offset = %s"
    with planted(flown, "log_events", do, other, partition, offset):
        made = ask(flown)
    assert (made.verdict, made.refused) == ("different", 1)
    assert "1 messages of the log can't be applied" in "\n".join(lines(made))
