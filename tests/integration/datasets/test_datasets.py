"""Datasets out of real TimescaleDB, held to plain Python over all facts; the commands; what is refused."""

import itertools
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from infra.feature_store import Knowledge, UnknownFeature
from infra.settings import Settings
from infra.stack import Endpoints
from infra.warehouse import Connection, connect, migrate
from infra.warehouse.moments import to_moment, to_nanoseconds
from schemas.intervals import DAY, MINUTE, SECOND
from signaltape.__main__ import main
from signaltape.datasets import DatasetError, DatasetRequest, Span, build_dataset, open_dataset
from signaltape.datasets.reading import Reading, read_dataset, rows_statement
from tests.support import isolation
from tests.support.dataset_facts import FEATURES, Bar, Fact, Return, Vector, expected_rows, insert

T0 = 1_700_000_040 * SECOND
LATER = T0 + DAY
_numbers = itertools.count()


@pytest.fixture(scope="module")
def module_settings(endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    name = isolation.unique_name()
    dsn = isolation.create_database(endpoints, name)
    yield isolation.isolated_settings(endpoints, tmp_path_factory.mktemp("home"), dsn, f"{name}.")
    isolation.drop_database(endpoints, name)


@pytest.fixture(scope="module")
def connection(module_settings: Settings) -> Iterator[Connection]:
    migrate(module_settings)
    with connect(module_settings) as opened:
        for version, name in ((1, "core"), (2, "core"), (1, "minimal")):
            features = list(FEATURES) if name == "core" else ["b"]
            opened.execute("INSERT INTO feature_sets VALUES (%s, %s, %s, %s)", (name, version, "h", features))
        yield opened


@pytest.fixture
def database(connection: Connection) -> Connection:
    """Without facts."""
    connection.execute("TRUNCATE features, returns, bars, datasets")
    return connection


def minute(place: int) -> int:
    return T0 + place * MINUTE


def request_of(**changed: Any) -> DatasetRequest:
    values = {"after": minute(0), "until": minute(4), "as_of": LATER, "horizon": 1, "interval": "1m", "version": 1}
    return DatasetRequest(**{**values, **changed})


def read(connection: Connection, request: DatasetRequest) -> Reading:
    with connection.transaction():
        return read_dataset(connection, request)


def bars(symbols: list[str], first: int = 0, last: int = 6) -> list[Bar]:
    return [
        Bar(symbol=symbol, event=minute(at), available=minute(at) + SECOND, ingest=minute(at) + 2 * SECOND)
        for symbol in symbols
        for at in range(first, last + 1)
    ]


def history(symbol: str, first: int = 1, last: int = 4) -> list[Fact]:
    """Bars, vectors that went live two seconds after each close, and the returns over one bar."""
    facts: list[Fact] = [*bars([symbol], first - 1, last + 1)]
    for at in range(first, last + 1):
        clocks = {"symbol": symbol, "available": minute(at) + SECOND, "ingest": minute(at) + 2 * SECOND}
        facts.append(Vector(**clocks, event=minute(at), revision=at, values=(float(at), None)))
        known = {"available": minute(at + 1) + SECOND, "ingest": minute(at + 1) + 2 * SECOND}
        label = ((1, minute(at), at / 100),)
        facts.append(Return(symbol=symbol, event=minute(at + 1), **known, revision=at + 1, labels=label))
    return facts


def rows_of(reading: Reading) -> list[tuple[object, ...]]:
    content = reading.content
    values = [tuple(None if np.isnan(one) else one for one in row) for row in content.values.tolist()]
    columns = (content.symbol, content.event_time, content.available_time)
    after = (content.label, content.label_event_time, content.label_available_time)
    return list(zip(*(one.tolist() for one in columns), values, *(one.tolist() for one in after), strict=True))


# Few moments, so that equal times and exact boundaries are the rule. Symbol 2 has bars and nothing else.
lags = st.integers(0, 4)
values_of = st.tuples(st.sampled_from([None, 1.0, 2.0]), st.sampled_from([None, 3.0, 4.0]))
kinds = st.sampled_from(["live", "live", "correction"])
vectors_of = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 3), st.integers(0, 3), lags, lags, kinds,
              values_of),
    max_size=12, unique_by=lambda one: one[:3],
)  # fmt: skip
returns_of = st.lists(
    st.tuples(st.integers(0, 1), st.integers(1, 5), st.integers(0, 3), lags, lags, st.integers(1, 2),
              st.sampled_from([-0.5, 0.25])),
    max_size=12, unique_by=lambda one: one[:3],
)  # fmt: skip


@examples(max_examples=100, deadline=None)
@given(
    vectors=vectors_of,
    returns=returns_of,
    as_of=st.integers(4, 9),
    knowledge=st.sampled_from(["ingested", "available"]),
    horizon=st.integers(1, 2),
    left=st.integers(0, 4),
)
def test_equals_plain_python_over_all_facts(
    connection: Connection, vectors: list, returns: list, as_of: int, knowledge: Knowledge, horizon: int, left: int
) -> None:  # fmt: skip
    names = [f"S{next(_numbers)}" for _ in range(3)]
    facts: list[Fact] = [*bars(names, -9, -1)]
    for who, at, revision, lag, later, kind, values in vectors:
        clocks = {"available": minute(at + lag), "ingest": minute(at + later), "revision": revision}
        facts.append(Vector(symbol=names[who], event=minute(at), kind=kind, values=values, **clocks))
        others: tuple[dict[str, Any], ...] = ({"version": 2}, {"feature_set": "minimal"}, {"interval": "5m"})
        facts += [Vector(symbol=names[who], event=minute(at), values=(9.0, 9.0), **clocks, **one) for one in others]
    for who, at, revision, lag, later, length, value in returns:
        clocks = {"available": minute(at + lag), "ingest": minute(at + later), "revision": revision}
        labels = tuple((one, minute(at - one), value * one) for one in (1, 2) if one <= length)
        facts.append(Return(symbol=names[who], event=minute(at), **clocks, labels=labels))
        facts.append(Return(symbol=names[who], event=minute(at), **clocks, labels=((1, minute(at - 1), 9.0),),
                            interval="5m"))  # fmt: skip
    insert(connection, facts)
    spans = [Span(symbol=names[0]), Span(symbol=names[1], until=minute(left)), Span(symbol=names[2])]
    if left < 3:
        spans.append(Span(symbol=names[1], after=minute(left + 1)))
    request = request_of(
        after=minute(-1), until=minute(3), as_of=minute(as_of), knowledge=knowledge, horizon=horizon, cut=True,
        universe=tuple(spans),
    )  # fmt: skip

    def within(symbol: str, event: int) -> bool:
        return minute(-1) < event <= minute(3) and (symbol != names[1] or event != minute(left + 1))

    rows, late, unmatured = expected_rows(facts, within, horizon, minute(as_of), knowledge)
    if not rows:
        with pytest.raises(DatasetError):
            read(connection, request)
        return
    found = read(connection, request)
    assert rows_of(found) == rows
    assert (found.left_out.late, found.left_out.unmatured) == (late, unmatured)
    assert [member.rows for member in found.universe] == [sum(row[0] == name for row in rows) for name in sorted(names)]


def test_a_correction_is_not_seen_at_a_decision_before_it(database: Connection) -> None:
    """But the label is the corrected one, as far as it was known at the as-of time."""
    corrected = minute(10)
    clocks = {"symbol": "A", "available": corrected, "ingest": corrected, "revision": 99}
    insert(
        database,
        [
            *history("A"),
            Vector(**clocks, event=minute(2), kind="correction", values=(-7.0, -7.0)),
            Return(**clocks, event=minute(3), labels=((1, minute(2), -0.7),)),
        ],
    )
    before = read(database, request_of(as_of=corrected - 1000))
    after = read(database, request_of(as_of=corrected))
    assert before.content.values[1].tolist()[0] == after.content.values[1].tolist()[0] == 2.0
    assert before.content.label.tolist() == [0.01, 0.02, 0.03, 0.04]
    assert after.content.label.tolist() == [0.01, -0.7, 0.03, 0.04]
    assert after.content.label_available_time[1] == corrected


def test_both_clocks_bound_what_is_used(database: Connection) -> None:
    """What was available but not stored yet counts for the world's knowledge only, to the microsecond."""
    stored = minute(12)
    clocks = {"symbol": "A", "available": minute(10), "ingest": stored, "revision": 99}
    facts = history("A", last=3)
    insert(database, [*facts, Return(**clocks, event=minute(3), labels=((1, minute(2), -0.7),))])
    insert(
        database, [*bars(["B"]), *(replace(one, symbol="B", ingest=stored) for one in facts if type(one) is not Bar)]
    )
    found = {}
    for knowledge in ("ingested", "available"):
        for as_of in (minute(10) - 1000, minute(10), stored - 1000, stored):
            content = read(database, request_of(knowledge=knowledge, as_of=as_of, until=minute(3))).content
            found[knowledge, as_of] = (content.label[1], sorted(set(content.symbol)))
    assert list(found.values()) == [
        *[(0.02, ["A"])] * 3, (-0.7, ["A", "B"]),
        (0.02, ["A", "B"]), *[(-0.7, ["A", "B"])] * 3,
    ]  # fmt: skip


def test_labels_that_have_not_matured_are_refused_or_cut(database: Connection) -> None:
    insert(database, [*history("A"), *history("GONE", last=2)])
    early = request_of(as_of=minute(4) + 30 * SECOND)
    with pytest.raises(DatasetError, match=r"label window of 1 rows reaches beyond .*: the first is A at"):
        read(database, early)
    cut = read(database, request_of(as_of=early.as_of, cut=True))
    assert rows_of(cut) == [row for row in rows_of(read(database, request_of())) if row[:2] != ("A", minute(4))]
    assert (cut.left_out.unmatured, cut.left_out.unmatured_symbols, cut.left_out.holes) == (1, 1, 0)
    with pytest.raises(DatasetError, match=r"none of the 6 rows .* over 20 bars"):
        read(database, request_of(horizon=20, cut=True))


def test_the_universe_holds_those_who_were_there(database: Connection) -> None:
    """A symbol that has gone since is in it, one that came later isn't, nor one that only a second vendor has."""
    gone, later = history("GONE", last=2), history("LATER", first=7, last=8)
    second = Bar(symbol="SECOND", event=minute(1), available=minute(1), ingest=minute(1), status="secondary")
    cold = bars(["COLD"], 3, 6)
    insert(database, [*history("A"), *gone, *later, second, *cold])
    found = {member.symbol: member for member in read(database, request_of()).universe}
    assert list(found) == ["A", "COLD", "GONE"]
    assert (found["A"].rows, found["COLD"].rows, found["GONE"].rows) == (4, 0, 2)
    assert (found["GONE"].first_bar, found["GONE"].last_bar) == (minute(0), minute(3))
    assert found["GONE"].last_bar_available == minute(3) + SECOND
    early = {
        member.symbol: member
        for member in read(database, request_of(until=minute(2), as_of=minute(3) + 30 * SECOND)).universe
    }
    assert (early["A"].last_bar, early["A"].rows) == (minute(3), 2)
    with pytest.raises(DatasetError, match="no 1m bar of TYPO, XTYPO was known"):
        read(database, request_of(universe=(Span(symbol="XTYPO"), Span(symbol="A"), Span(symbol="TYPO"))))


def test_any_insertion_order_gives_the_same_dataset(
    database: Connection, module_settings: Settings, tmp_path: Path
) -> None:
    late = {"symbol": "A", "event": minute(2), "available": minute(9), "ingest": minute(9), "revision": 50}
    facts: list[Fact] = [*history("B"), *history("A"), Vector(**late, kind="correction", values=(8.0, 8.0))]
    made = []
    for order in (facts, facts[::-1]):
        database.execute("TRUNCATE features, returns, bars")
        insert(database, order)
        made.append(build_dataset(module_settings, request_of(), tmp_path / str(len(made))))
    assert made[0].fingerprint == made[1].fingerprint
    assert made[0].dataset_id == made[1].dataset_id
    assert made[0].final
    kept = database.execute("SELECT dataset_id, fingerprint, rows, as_of FROM datasets").fetchall()
    assert kept == [(made[0].dataset_id, made[0].fingerprint, 8, to_moment(LATER))]


def test_a_transaction_that_can_still_add_is_waited_for(
    database: Connection, module_settings: Settings, tmp_path: Path
) -> None:
    with connect(module_settings, name="writer") as writer:
        with writer.transaction():
            began = writer.execute("SELECT now()").fetchone()
            assert began is not None
            insert(database, history("A"))
            request = request_of(as_of=to_nanoseconds(began[0]))
            with pytest.raises(DatasetError, match=r"a transaction that began at .* can still add"):
                build_dataset(module_settings, request, tmp_path / "set", wait=0)
            assert list(tmp_path.iterdir()) == []
        said: list[str] = []
        assert build_dataset(module_settings, request, tmp_path / "set", wait=60, say=said.append).final
    with pytest.raises(DatasetError, match="lies ahead"):
        build_dataset(module_settings, request_of(as_of=LATER + 50_000 * DAY), tmp_path / "other")


def test_a_crash_between_the_steps_leaves_no_dataset_and_the_same_build_goes_through(
    database: Connection, module_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert(database, history("A"))

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    for step, registered in (("stage", 0), ("_register", 0), ("publish", 1)):
        with monkeypatch.context() as patch:
            patch.setattr(f"signaltape.datasets.building.{step}", dies)
            with pytest.raises(KeyboardInterrupt):
                build_dataset(module_settings, request_of(), tmp_path / "set")
        assert not (tmp_path / "set").exists(), step
        assert database.execute("SELECT count(*) FROM datasets").fetchone() == (registered,), step
    build_dataset(module_settings, request_of(), tmp_path / "set")
    assert database.execute("SELECT count(*) FROM datasets").fetchone() == (1,)
    open_dataset(tmp_path / "set")


def test_nothing_is_written_for_what_is_not_there(
    database: Connection, module_settings: Settings, tmp_path: Path
) -> None:
    insert(database, history("A"))
    for changed, error, what in (
        ({"features": ("a", "c")}, UnknownFeature, "unknown feature 'c'"),
        ({"version": 9}, UnknownFeature, "unknown version '9'"),
        ({"after": minute(100), "until": minute(200)}, DatasetError, "nothing was known"),
        ({"as_of": minute(4)}, DatasetError, "reaches beyond"),
    ):
        with pytest.raises(error, match=what):
            build_dataset(module_settings, request_of(**changed), tmp_path / "set")
    assert list(tmp_path.iterdir()) == []
    assert database.execute("SELECT count(*) FROM datasets").fetchone() == (0,)


def test_rows_outside_the_range_are_not_looked_at(database: Connection) -> None:
    """Vectors and bars are cut by chunk, however much history there is on both sides."""
    old = [Vector(symbol="A", event=T0 + at * DAY, available=T0 + at * DAY, ingest=T0 + at * DAY, values=(0.0, 0.0))
           for at in (-400, 400)]  # fmt: skip
    insert(database, [*history("A"), *old])
    chunks = database.execute("SELECT show_chunks('features')::text").fetchall()
    assert len(chunks) == 3
    statement, bound = rows_statement(
        request_of(), read(database, request_of()).content.terms, (0,), (Span(symbol="A"),)
    )
    with psycopg.ClientCursor(database) as cursor:
        plan = cursor.execute(psycopg.sql.SQL("EXPLAIN (COSTS OFF) ") + statement, bound).fetchall()
    read_chunks = [name for (name,) in chunks if any(name.split(".")[1] in line for (line,) in plan)]
    assert len(read_chunks) == 1


def test_tables_that_were_just_filled_are_read_in_one_pass(database: Connection) -> None:
    """Without statistics each side is taken for a row, and a loop over both would take minutes instead of a second."""
    symbols, closes = 16, 780
    clocks = "%(t0)s::timestamptz + at * interval '1 minute', at, %(t0)s::timestamptz + at * interval '1 minute'"
    many = f"FROM generate_series(1, {symbols}) AS s, generate_series(1, {closes}) AS at"
    with database.transaction():
        database.execute(
            f"INSERT INTO features SELECT 'core', 1, 'S' || s, '1m', {clocks}, now(), 'live', 1, '{{1, 2}}', 0 {many}",
            {"t0": to_moment(T0)},
        )
        database.execute(
            f"INSERT INTO returns SELECT 'S' || s, '1m', {clocks}, now(), 'live', '{{1}}',"
            f" ARRAY[%(t0)s::timestamptz + (at - 1) * interval '1 minute'], '{{0.5}}', 0 {many}",
            {"t0": to_moment(T0)},
        )
        database.execute(
            f"INSERT INTO bars SELECT 'S' || s, '1m', %(t0)s::timestamptz + at * interval '1 minute', 'vendor', 0,"
            f" %(t0)s, now(), 'feed', 'first', 1, 1, 1, 1, 1, 1, 0, 0, 0 {many}",
            {"t0": to_moment(T0)},
        )
    now = to_nanoseconds(database.execute("SELECT now() + interval '1 second'").fetchall()[0][0])
    asked = request_of(until=minute(closes - 1), as_of=now)
    with database.transaction():
        database.execute("SET LOCAL statement_timeout = '30s'")
        assert len(read_dataset(database, asked).content) == symbols * (closes - 1)


@dataclass(frozen=True, kw_only=True)
class Called:
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def command(
    module_settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Called]:
    """`signaltape dataset …` in this process, which has loaded everything already."""
    for name, value in isolation.process_environment(module_settings, COLUMNS="250").items():
        monkeypatch.setenv(name, value)

    def call(*arguments: str) -> Called:
        monkeypatch.setattr(sys, "argv", ["signaltape", "dataset", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Called(code=int(ended.value.code or 0), out=captured.out, err=captured.err)

    return call


def test_commands(database: Connection, command: Callable[..., Called], tmp_path: Path) -> None:
    insert(database, [*history("A"), *history("B")])
    universe = tmp_path / "universe.csv"
    universe.write_text(f"symbol,from,to\nA,,\nB,{minute(2)},\n")
    folder = str(tmp_path / "set")
    span = ("--from", str(minute(0)), "--to", str(minute(4)), "--horizon", "1", "--interval", "1m")
    chosen = ("--features", "core:1/b,a", "--universe", str(universe), "--out", folder)
    refused = command("build", *span, *chosen, "--as-of", "2024-01-01T00:00:00")
    assert refused.code == 2
    assert "has no zone" in refused.err
    built = command("build", *span, *chosen, "--as-of", "2024-01-01T00:00:00Z", "--json")
    assert built.code == 0, built.err
    document = json.loads(built.out)
    assert (document["rows"], document["symbols"], document["final"]) == (6, 2, True)
    verified = command("verify", folder, "--rebuild")
    assert (verified.code, verified.err) == (0, "")
    assert document["fingerprint"] in verified.out
    assert "the database gives the same rows" in verified.out
    database.execute("UPDATE features SET \"values\" = '{5, NULL}' WHERE symbol = 'B' AND event_time = %s",
                     (to_moment(minute(4)),))  # fmt: skip
    other = command("verify", folder, "--rebuild")
    assert other.code == 1
    assert "B at 2023-11-14T22:18:00+00:00: a was 4.0, is 5.0 in the database" in other.err
    (tmp_path / "set" / "data.parquet").write_bytes(b"PAR1")
    broken = command("verify", folder)
    assert broken.code == 1
    assert "not a readable Parquet file" in broken.err
    shown = command("show", folder)
    assert shown.code == 0
    assert "6 rows of 2 symbols, 2 features" in shown.out
