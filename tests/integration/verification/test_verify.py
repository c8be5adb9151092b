"""A run verified: equal from anywhere and cut anyhow, without digests, and with digests made anew."""

import io
import json
from contextlib import ExitStack
from typing import Any

import pytest

from infra.settings import Settings
from infra.warehouse.moments import to_moment
from pipeline.verification import ledger
from signaltape.verification import judging, recomputing, verifying
from signaltape.verification.document import document
from signaltape.verification.plan import Question
from signaltape.verification.rebuilt import rebuild_range
from signaltape.verification.text import lines
from signaltape.verification.verifying import verify
from tests.support.commands import Run, runner
from tests.support.explained_run import CHANGED, FIRST, LATE, REVISED, SWAPPED, at
from tests.support.planted_changes import ask, planted, rows

#: All one-minute bars, and the five-minute bars of the hours before.
EVERYTHING = at(-300)
DIGESTS = """SELECT stage, subject, interval, event_time, sum(row_count), mod(sum(first_lane::numeric), 2::numeric ^ 64)
    FROM digests WHERE interval = '1m' GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"""


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (EVERYTHING, {"cold": True}),
        (at(0), {"cold": True, "batch_rows": 1}),
        (at(0), {"batch_rows": 3}),
        (at(SWAPPED - 5), {}),
    ],
)
def test_equal_from_anywhere_cut_anyhow(flown: Settings, begin: int, more: dict[str, object]) -> None:
    """Through a pause, a swap, changed terms, corrections, a late bar, missed deadlines and an open breaker."""
    made = verify(flown, Question(start=begin, end=at(CHANGED), **more))
    assert (made.verdict, made.differences, made.apart) == ("equal", (), 0)
    assert all(made.plan.exact.values())
    assert (dict(made.undigested), dict(made.dropped), dict(made.waiting)) == ({}, {}, {})
    counted = "SELECT count(*) FROM {} WHERE event_time BETWEEN %s AND %s {}"
    span = (to_moment(begin), to_moment(at(CHANGED)))
    for table, only in (("features", "AND kind = 'live'"), ("predictions", ""), ("signals", "")):
        assert made.equal[table] == rows(flown, counted.format(table, only), *span)[0][0] > 0
    assert made.bars == rows(flown, counted.format("bars", "AND status = 'first'"), *span)[0][0]
    assert made.bar_times == rows(flown, "SELECT count(DISTINCT (interval, event_time)) FROM bars "
                                  "WHERE event_time BETWEEN %s AND %s", *span)[0][0]  # fmt: skip
    assert made.equal["corrections"] > 0
    assert (made.equal["repairs"] > 0) == (begin <= at(0)), "the job answered before the last stretch"
    assert made.fallbacks["skipped"] > 0
    assert any("the first bar" in one.begins for one in made.starts) == ("cold" in more or begin < at(5))


@pytest.fixture
def command(flown: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(flown, monkeypatch, capsys)


def test_both_ends_are_included(flown: Settings) -> None:
    made = ask(flown, FIRST, CHANGED - 1)
    assert (made.verdict, made.bar_times) == ("equal", CHANGED - FIRST)
    one = ask(flown, SWAPPED, SWAPPED)
    assert (one.verdict, one.bar_times) == ("equal", 1)
    time = to_moment(at(SWAPPED))
    for table in ("features", "predictions"):
        kept = rows(flown, f"SELECT count(*) FROM {table} WHERE event_time = %s", time)[0][0]
        assert one.equal[table] == kept > 0


def test_stretch_by_stretch(flown: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rows are held: most bar times are compared before later ones are computed, each once, and forgotten."""
    whole = ask(flown)
    monkeypatch.setattr(recomputing, "HELD", 5)
    compare, left = judging.Judge.compare, []

    def compared(judge: judging.Judge, before: int) -> bool:
        going_on = compare(judge, before)
        left.append([key for key in (*judge.book.kept, *judge.ledger.entries) if key.event_time < before])
        return going_on

    monkeypatch.setattr(judging.Judge, "compare", compared)
    made = ask(flown)
    assert (made.verdict, dict(made.equal), made.bar_times) == ("equal", dict(whole.equal), whole.bar_times)
    assert len(left) > 20
    assert {key.event_time for some in left for key in some} == {at(LATE[1]), at(REVISED[1])}, "what comes late is open"
    assert not left[-1]


def test_what_is_stored_meanwhile_is_not_seen(flown: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A range may reach into the present: rows come while it is computed."""
    with ExitStack() as undone:

        def later(*arguments: Any) -> object:
            for table in ("features", "predictions", "signals", "digests"):
                undone.enter_context(planted(flown, table, f"DELETE FROM {table}", count=None))
            return recomputing.recompute(*arguments)

        monkeypatch.setattr(verifying, "recompute", later)
        assert ask(flown).verdict == "equal"


def test_another_history_is_not_looked_at_to_its_end(flown: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recomputing, "HELD", 5)
    with planted(flown, "features", "UPDATE features SET close = close + 1", count=None):
        monkeypatch.setattr(judging, "TOO_MANY", 3)
        made = ask(flown, limit=100)
        monkeypatch.setattr(judging, "_KEPT", 0)
        bare = ask(flown)
    assert (made.verdict, made.differences[0].name, 3 < made.apart < 20) == ("different", "close", True)
    assert made.reached < at(CHANGED - 20)
    assert f"compared up to {to_moment(made.reached):%Y-%m-%dT%H:%M:%S}Z only" in "\n".join(lines(made))
    assert (bare.differences[0].name, bare.differences[0].event_time) == (
        "(the digest)",
        made.differences[0].event_time,
    )


def test_without_digests_rows_are_compared_alone(flown: Settings) -> None:
    with planted(flown, "digests", "DELETE FROM digests", count=None):
        made = ask(flown)
        said = "\n".join(lines(made))
        with planted(
            flown, "signals", "DELETE FROM signals WHERE event_time = %s", to_moment(at(SWAPPED - 5)), count=None
        ):
            other = ask(flown)
    assert (made.verdict, set(made.undigested)) == ("equal", {"features", "corrections", "predictions", "signals"})
    assert f"{made.undigested['features']} bar times of features" in said
    assert other.verdict == "different"
    assert other.differences[0].event_time == at(SWAPPED - 5)


def test_digests_deleted_and_made_anew_from_rows(flown: Settings, command: Run) -> None:
    span = ("--from", to_moment(at(0)).isoformat(), "--to", to_moment(at(CHANGED)).isoformat())
    before = rows(flown, DIGESTS)
    with planted(flown, "digests", "DELETE FROM digests WHERE interval = '1m'", count=None):
        done = command("verify", *span, "--rebuild-digests", "--yes")
        after = rows(flown, DIGESTS)
        assert rebuild_range(flown, Question(start=at(0), end=at(CHANGED))).added == 0, "what is there is left alone"
        with planted(flown, "signals", "UPDATE signals SET score = score * 2 WHERE event_time = %s",
                     to_moment(at(SWAPPED - 5)), count=None):  # fmt: skip
            later = ask(flown)
    assert done.code == 0, done.err
    assert "digests were made from rows; what had one kept it" in done.err
    assert "no digest was kept" not in done.out
    assert "were made from rows: they prove nothing from before that" in done.out
    assert [one[:5] for one in after] == [one[:5] for one in before]
    assert later.differences[0].blame == ledger.RECORD_CHANGED, "a change after that is one of the rows"


def test_making_digests_is_asked_about(flown: Settings, command: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    count = "SELECT count(*) FROM digests"
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    with planted(flown, "digests", "DELETE FROM digests WHERE interval = '1m'", count=None):
        left = rows(flown, count)
        done = command("verify", "--from", at(0), "--to", at(CHANGED), "--rebuild-digests")
        assert (done.code, rows(flown, count)) == (1, left)


def test_rows_that_a_retention_policy_has_dropped(flown: Settings) -> None:
    """Their digests are kept: a changed bar still shows, and where."""
    gone = to_moment(at(SWAPPED))
    with planted(flown, "features", "DELETE FROM features WHERE event_time < %s", gone, count=None):
        made = ask(flown)
        with planted(flown, "bars", "UPDATE bars SET close = close + 0.001 WHERE symbol = 'S001' AND interval = '1m' "
                     "AND event_time = %s", to_moment(at(SWAPPED - 4))):  # fmt: skip
            other = ask(flown)
    assert (made.verdict, made.dropped["features"] > 0) == ("equal", True)
    assert "are no longer stored: compared with their digests alone" in "\n".join(lines(made))
    assert (other.verdict, other.differences[0].event_time) == ("different", at(SWAPPED - 4))


def test_rows_of_another_arithmetic_are_compared_within_tolerances(flown: Settings) -> None:
    nudged = 'UPDATE features SET "values"[1] = "values"[1] * (1 + {}::float8) WHERE kind = \'live\''
    with (
        planted(flown, "feature_writers", "UPDATE feature_writers SET numerics = 'another host'", count=None),
        planted(flown, "digests", "DELETE FROM digests", count=None),
    ):
        with planted(flown, "features", nudged.format("1e-14"), count=None):
            near = ask(flown)
        with planted(flown, "features", nudged.format("1e-6"), count=None):
            far = ask(flown)
    assert (near.verdict, near.near["features"]) == ("equal", near.equal["features"])
    said = "\n".join(lines(near))
    assert "features were made under the numerics fingerprint another host, this host's is" in said
    assert "within tolerances only" in said
    assert (far.verdict, far.differences[0].name) == ("different", "logret_1")


def test_the_command(flown: Settings, command: Run) -> None:
    span = ("--from", to_moment(at(0)).isoformat(), "--to", at(CHANGED))
    done = command("verify", *span)
    assert (done.code, done.out.splitlines()[0][:6]) == (0, "equal:")
    with planted(flown, "predictions", "UPDATE predictions SET score = score + 1 WHERE event_time = %s",
                 to_moment(at(SWAPPED)), count=None):  # fmt: skip
        one, several = (command("verify", *span, *more, "--json") for more in ((), ("--all", 4)))
    assert (one.code, several.code) == (1, 1)
    assert len(json.loads(one.out)["differences"]) == 1
    assert len(json.loads(several.out)["differences"]) == 4


def test_json_is_json(flown: Settings) -> None:
    told = json.loads(json.dumps(document(ask(flown, SWAPPED))))
    assert (told["verdict"], told["differing"], told["differences"]) == ("equal", 0, [])
    assert told["numerics"]["features"]["recorded"] == [told["numerics"]["features"]["own"]]
