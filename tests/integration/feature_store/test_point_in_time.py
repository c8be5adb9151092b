"""Point-in-time reads on real TimescaleDB, held to plain Python over all rows and to naive SQL."""

import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import ClientCursor, sql

from infra.feature_store import FeatureFrame, FeatureStore, InvalidRequest, Pairs, UnknownFeature
from infra.feature_store.catalog import Catalog, select
from infra.feature_store.pairs import Chains
from infra.feature_store.statement import Question, statement, vectors
from infra.settings import Settings
from infra.stack import Endpoints
from infra.warehouse import Connection, connect, migrate
from infra.warehouse.errors import WarehouseError
from infra.warehouse.moments import to_moment, to_nanoseconds
from infra.warehouse.queries import queries
from schemas.intervals import DAY
from tests.support import isolation
from tests.support.feature_facts import FEATURES, SETS, Fact, insert, known_at
from tests.support.waiting import wait_for

T0 = 1_700_000_040 * 1_000_000_000
US = 1000
#: Apart by more than a chunk.
ERAS = (T0, T0 + 200 * DAY, T0 + 400 * DAY)
_numbers = itertools.count()


@pytest.fixture(scope="module")
def module_settings(endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    name = isolation.unique_name()
    dsn = isolation.create_database(endpoints, name)
    yield isolation.isolated_settings(endpoints, tmp_path_factory.mktemp("home"), dsn, f"{name}.")
    isolation.drop_database(endpoints, name)


@pytest.fixture(scope="module")
def database(module_settings: Settings) -> Iterator[Connection]:
    migrate(module_settings)
    with connect(module_settings) as connection:
        for one in SETS:
            connection.execute("INSERT INTO feature_sets VALUES (%s, %s, %s, %s)", one)
        yield connection


@pytest.fixture(scope="module")
def store(module_settings: Settings, database: Connection) -> Iterator[FeatureStore]:
    with FeatureStore(module_settings) as opened:
        yield opened


def entity_name(letter: str = "E") -> str:
    """A name that no other test or example uses."""
    return f"{letter}{next(_numbers)}"


def expected(facts: list[Fact], pairs: list[tuple[str, int]], knowledge: str, age: int | None) -> list[Fact | None]:
    return [known_at(facts, entity, as_of, knowledge, age) for entity, as_of in pairs]


def assert_equal(frame: FeatureFrame, wanted: list[Fact | None], features: tuple[str, ...]) -> None:
    for row, fact in enumerate(wanted):
        values = [None] * len(features) if fact is None else [fact.values[FEATURES.index(one)] for one in features]
        assert frame.valid[row].tolist() == [one is not None for one in values], (row, fact)
        assert frame.values[row].tolist() == [one or 0.0 for one in values], (row, fact)
        assert frame.event_time[row] == (fact.event if fact else 0)
        assert frame.available_time[row] == (fact.available if fact else 0)
        assert frame.source_revision[row, 0] == (fact.revision if fact else -1)
        assert bool(frame.known[row]) == (fact is not None)


small = st.integers(0, 4)
numbers = st.one_of(st.none(), st.integers(-3, 3).map(float))
# Few moments, a microsecond apart, so that equal times and exact boundaries are the rule. A value that claims to be
# available before its bar has closed must not be seen before either.
facts_of = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(ERAS), small, st.integers(-1, 3), st.integers(0, 6), small,
              st.tuples(numbers, numbers, numbers, numbers)),
    max_size=14,
    unique_by=lambda one: (one[0], one[1], one[2], one[5]),
)  # fmt: skip
asked_of = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(ERAS), st.integers(-2, 9), st.sampled_from([0, 1, 999])),
    min_size=1,
    max_size=12,
)


@settings(max_examples=120, deadline=None)
@given(
    drawn=facts_of,
    asked=asked_of,
    knowledge=st.sampled_from(["ingested", "available"]),
    features=st.sampled_from([FEATURES, ("c",), ("d", "a")]),
    age_us=st.one_of(st.none(), st.integers(0, 5)),
)
def test_equals_plain_python_over_all_rows(
    database: Connection, store: FeatureStore, drawn: list, asked: list, knowledge: str, features: tuple[str, ...],
    age_us: int | None,
) -> None:  # fmt: skip
    names = [entity_name() for _ in range(4)]  # the last one has no rows
    facts = [
        Fact(
            entity=names[who],
            event=era + at * US,
            available=era + (at + lag) * US,
            ingest=era + (at + later) * US,
            revision=revision,
            values=values,
        )
        for who, era, at, lag, later, revision, values in drawn
    ]
    decoys = [
        Fact(entity=names[who], event=era, available=era, ingest=era, revision=9, values=(9.0, 9.0, 9.0, 9.0), **other)
        for who, era, other in itertools.product(
            range(3), ERAS, ({"version": 2}, {"feature_set": "minimal"}, {"interval": "1d"})
        )
    ]
    insert(database, facts + decoys)
    pairs = [(names[who], era + at * US + finer) for who, era, at, finer in asked]
    age = None if age_us is None else timedelta(microseconds=age_us)
    frame = store.get_point_in_time(pairs, features, knowledge=knowledge, max_age=age)  # type: ignore[arg-type]
    assert frame.entities == [entity for entity, _ in pairs]
    assert frame.as_of.tolist() == [as_of for _, as_of in pairs]
    assert frame.knowledge == knowledge
    assert_equal(frame, expected(facts, pairs, knowledge, None if age_us is None else age_us * US), features)


NAIVE = """
SELECT pair.place, newest.event_time, newest.revision, newest."values"
FROM unnest(%(entities)s::text[], %(times)s::timestamptz[]) WITH ORDINALITY AS pair (entity, as_of, place)
LEFT JOIN LATERAL (
    SELECT * FROM features f
    WHERE f.symbol = pair.entity AND f.interval = '1m' AND f.feature_set = 'core' AND f.set_version = 1
      AND f.event_time <= pair.as_of AND f.available_time <= pair.as_of AND f.ingest_time <= pair.as_of
    ORDER BY f.event_time DESC, f.revision DESC LIMIT 1
) AS newest ON true
ORDER BY pair.place
"""


@pytest.fixture(scope="module")
def history(database: Connection) -> list[str]:
    """A live history over three chunks, 400 closes of 8 entities, every fifth corrected two closes later."""
    names = [entity_name("H") for _ in range(8)]
    rng = np.random.default_rng(5)
    facts = []
    for name in names:
        for number in range(400):
            event = T0 + number * DAY
            table = rng.integers(-50, 50, (2, 4)).astype(float).tolist()
            lag = int(rng.integers(0, 30)) * 3600 * 1_000_000_000
            facts.append(Fact(entity=name, event=event, available=event + lag, ingest=event + lag + US, revision=5,
                              values=tuple(table[0])))  # fmt: skip
            if number % 5 == 0:
                late = event + 2 * DAY
                facts.append(Fact(entity=name, event=event, available=late, ingest=late + US, revision=6,
                                  values=(*table[1][:3], None)))  # fmt: skip
    insert(database, facts)
    database.execute("ANALYZE features")
    return names


def test_equals_the_naive_lateral_join(database: Connection, store: FeatureStore, history: list[str]) -> None:
    rng = np.random.default_rng(6)
    names = [history[place] for place in rng.integers(0, 8, 3000)]
    moments = T0 + rng.integers(-5 * 24, 410 * 24, 3000) * 3600 * 1_000_000_000
    frame = store.get_point_in_time(Pairs.columns(names, moments))
    bound = {"entities": names, "times": [to_moment(int(one)) for one in moments]}
    rows = database.execute(NAIVE, bound).fetchall()
    assert frame.known.sum() > 2500
    assert not frame.known.all()
    for row, (place, event, revision, values) in enumerate(rows):
        assert place == row + 1
        assert frame.event_time[row] == (0 if event is None else to_nanoseconds(event))
        assert frame.source_revision[row, 0] == (-1 if event is None else revision)
        assert frame.valid[row].tolist() == [one is not None for one in values or [None] * 4]
        assert frame.values[row].tolist() == [one or 0.0 for one in values or [None] * 4]


def test_many_as_of_times_of_one_entity_are_many_rows(store: FeatureStore, history: list[str]) -> None:
    """`DISTINCT ON (entity, feature)` without the as-of time gives one row for each entity here."""
    moments = [T0 + day * DAY + DAY // 2 for day in (10, 20, 30, 40, 50)]
    frame = store.get_point_in_time(Pairs.product(history[:2], moments))
    assert len(frame) == frame.known.sum() == 10
    assert len(set(zip(frame.entities, frame.event_time.tolist(), strict=True))) == 10


def test_one_row_a_pair_in_the_order_asked(store: FeatureStore, history: list[str]) -> None:
    late, early = T0 + 30 * DAY, T0 + 20 * DAY
    asked = [(history[1], late), (history[0], early), (history[1], early), (history[1], late), ("nobody", late)]
    frame = store.get_point_in_time(asked, ["b", "a"])
    assert frame.entities == [entity for entity, _ in asked]
    assert frame.values[0].tolist() == frame.values[3].tolist()
    assert frame.known.tolist() == [True] * 4 + [False]
    alone = [store.get_point_in_time([pair], ["b", "a"]) for pair in asked]
    assert [one.values[0].tolist() for one in alone] == frame.values.tolist()
    assert [one.event_time[0] for one in alone] == frame.event_time.tolist()


def plan_of(database: Connection, names: list[str], moments: list[int], age: int | None, analyze: bool) -> str:
    question = Question(
        pairs=Pairs.product(names, moments),
        chosen=select(Catalog.read(database), None, "core", 1, "1m"),
        knowledge="ingested",
        max_age=age,
    )
    query, bound = statement(database, question, Chains.of(question.pairs), vectors(question.chosen))
    explain = sql.SQL("EXPLAIN (ANALYZE, TIMING OFF) {}" if analyze else "EXPLAIN {}").format(query)
    with database.transaction():
        database.execute(queries("point_in_time")["plain plans"])
        rows = ClientCursor(database).execute(explain, bound).fetchall()
    return "\n".join(row[0] for row in rows)


def rows_of(line: str) -> int:
    """Rows that a node of a plan gave out, over all its loops."""
    found = re.search(r"actual rows=(\d+) loops=(\d+)", line)
    assert found, line
    return int(found[1]) * int(found[2])


def chunks(database: Connection) -> dict[str, tuple[int, int]]:
    rows = database.execute(
        "SELECT chunk_name, range_start, range_end FROM timescaledb_information.chunks"
        " WHERE hypertable_name = 'features'"
    ).fetchall()
    return {name: (to_nanoseconds(start), to_nanoseconds(end)) for name, start, end in rows}


@pytest.mark.parametrize("age", [None, 10 * DAY])
def test_the_plan_has_no_chunk_outside_the_range(database: Connection, history: list[str], age: int | None) -> None:
    begin, end = T0 + 250 * DAY, T0 + 260 * DAY
    plan = plan_of(database, history, [begin, end], age, analyze=False)
    known = chunks(database)
    assert len(known) >= 3
    first = 0 if age is None else begin - age
    inside = {name for name, (start, stop) in known.items() if start <= end and stop > first}
    assert {name for name in known if name in plan} == inside
    assert inside < set(known)
    assert "Seq Scan" not in plan
    assert "features_pkey" in plan


def test_rows_unknown_at_every_time_are_passed_once_for_each_entity(database: Connection, store: FeatureStore) -> None:
    """History that was stored afterwards: under `ingested` nothing is known, and finding that out stays linear."""
    name = entity_name("B")
    today = T0 + 500 * DAY
    insert(database, [Fact(entity=name, event=T0 + at * DAY, available=T0 + at * DAY, ingest=today)
                      for at in range(300)])  # fmt: skip
    moments = [T0 + at * DAY for at in range(300)]
    plan = plan_of(database, [name], moments, None, analyze=True)
    removed = [line for line in plan.splitlines() if "Rows Removed by Filter" in line]
    scanned = [line for line in plan.splitlines() if "features_pkey" in line and "never executed" not in line]
    passed = sum(rows_of(line) for line in scanned) + sum(int(line.split(":")[1]) for line in removed)
    assert passed <= 2 * 16 * 300 + 700, plan
    assert not store.get_point_in_time(Pairs.product([name], moments)).known.any()
    assert store.get_point_in_time(Pairs.product([name], moments), knowledge="available").known.all()


def test_names_that_look_like_placeholders_are_names(database: Connection, store: FeatureStore) -> None:
    stem = entity_name()
    names = [f"{stem}%B", f"{stem}%%B", f"{stem}%(since)s", f"{stem}{{0}}'"]
    insert(database, [Fact(entity=name, event=T0, available=T0, ingest=T0, values=(at + 1.0,) * 4)
                      for at, name in enumerate(names)])  # fmt: skip
    frame = store.get_point_in_time(Pairs.product(names, [T0 + DAY]), ["a"])
    assert frame.values[:, 0].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert not store.get_point_in_time([(f"{stem}%%%B", T0 + DAY)], ["a"]).known.any()
    for feature, values in (("number", [1.0, 2.0, 3.0, 4.0]), ("document", [{"at": at} for at in range(4)])):
        store.write_features(f"z_{feature}", names, [T0] * 4, values, producer="test")
        asked = store.get_latest(names, [f"z_{feature}"])
        found = asked.values[:, 0].tolist() if feature == "number" else list(asked.documents[f"z_{feature}"])
        assert found == values


def test_answers_beyond_the_near_rows_are_found(database: Connection, store: FeatureStore) -> None:
    """More unknown rows than the near way looks at, in two chunks, and an answer in a chunk before."""
    name = entity_name()
    late = T0 + 600 * DAY
    facts = [Fact(entity=name, event=T0, available=T0, ingest=T0, values=(5.0,) * 4)]
    facts += [Fact(entity=name, event=T0 + at * DAY, available=T0 + at * DAY, ingest=late) for at in range(1, 400)]
    insert(database, facts)
    moments = [T0 + at * DAY for at in (399, 1, 250, 0, 250, 17, 16)]
    frame = store.get_point_in_time(Pairs.product([name], moments), ["a"])
    assert frame.values[:, 0].tolist() == [5.0] * 7
    assert set(frame.event_time.tolist()) == {T0}
    assert store.get_point_in_time([(name, late)], ["a"]).event_time.tolist() == [T0 + 399 * DAY]


def test_a_correction_is_seen_from_its_arrival_on(database: Connection, store: FeatureStore) -> None:
    name, hour = entity_name(), 3600 * 1_000_000_000
    first = Fact(entity=name, event=T0, available=T0 + hour, ingest=T0 + hour, values=(1.0, None, 1.0, 1.0))
    second = Fact(entity=name, event=T0, available=T0 + 5 * hour, ingest=T0 + 5 * hour, revision=7,
                  values=(2.0, 2.0, 2.0, None))  # fmt: skip
    insert(database, [second, first])
    moments = [T0, T0 + hour - 1, T0 + hour, T0 + 5 * hour - 1, T0 + 5 * hour]
    frame = store.get_point_in_time(Pairs.product([name], moments), ["a", "d"])
    assert frame.valid.tolist() == [[False, False], [False, False], [True, True], [True, True], [True, False]]
    assert frame.values[:, 0].tolist() == [0.0, 0.0, 1.0, 1.0, 2.0]
    assert frame.source_revision[:, 0].tolist() == [-1, -1, 0, 0, 7]


def test_latest_means_now_by_both_clocks(database: Connection, store: FeatureStore) -> None:
    row = database.execute("SELECT now()").fetchone()
    assert row is not None
    now, minute = to_nanoseconds(row[0]), 60_000_000_000
    name = entity_name()
    insert(database, [
        Fact(entity=name, event=now - minute, available=now - minute, ingest=now - minute, values=(1.0,) * 4),
        Fact(entity=name, event=now, available=now + DAY, ingest=now, values=(2.0,) * 4),
        Fact(entity=name, event=now + minute, available=now + minute, ingest=now, values=(3.0,) * 4),
    ])  # fmt: skip
    frame = store.get_latest([name, "nobody"])
    assert frame.features == FEATURES
    assert frame.values[0].tolist() == [1.0] * 4
    assert frame.known.tolist() == [True, False]
    assert not frame.final
    assert not store.get_latest([name], max_age=timedelta(seconds=30)).known.any()
    assert store.get_latest([name], as_of=to_moment(now + DAY)).values[0].tolist() == [3.0] * 4
    assert not store.get_latest([name], as_of=now - DAY).known.any()


def test_final_only_once_no_open_transaction_can_add_to_it(
    module_settings: Settings, database: Connection, store: FeatureStore
) -> None:
    name = entity_name()
    with connect(module_settings, name="signaltape-features") as writer:
        writer.execute("BEGIN")
        row = writer.execute("SELECT now()").fetchone()
        assert row is not None
        begun = to_nanoseconds(row[0])
        insert(writer, [Fact(entity=name, event=T0, available=T0, ingest=begun)])
        assert store.get_latest([name], as_of=begun - 10 * 1_000_000_000).final
        assert not store.get_latest([name], as_of=begun - 10 * 1_000_000_000, knowledge="available").final
        during = store.get_latest([name], as_of=begun)
        assert (during.final, bool(during.known[0])) == (False, False)
        writer.execute("COMMIT")
        after = wait_for(lambda: (found := store.get_latest([name], as_of=begun)).final and found)
        assert after
        assert after.known[0]  # the same question, another answer: that is why it was not final


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"features": ["a", "aa"]}, UnknownFeature, r"unknown feature 'aa' in core version 1; did you mean 'a'"),
        ({"features": ["zzz"]}, UnknownFeature, r"known: a, b, c, d"),
        ({"feature_version": 3}, UnknownFeature, r"unknown version '3' in feature set core; known: 1, 2"),
        ({"features": ["a", "a"]}, InvalidRequest, r"'a' is asked for twice"),
        ({"features": []}, InvalidRequest, r"no features"),
        ({"features": "a"}, InvalidRequest, r"a list of names, got the one text 'a'"),
        ({"knowledge": "all"}, InvalidRequest, r"it can be ingested or available"),
        ({"max_age": timedelta(seconds=-1)}, InvalidRequest, r"must not be negative"),
        ({"pairs": []}, InvalidRequest, r"no entities"),
        ({"pairs": [("A", datetime(2024, 1, 1))]}, InvalidRequest, r"2024-01-01T00:00:00 has no zone"),  # noqa: DTZ001
        ({"pairs": [("A", 1.5)]}, InvalidRequest, r"1.5 is no time"),
        ({"pairs": [("", 1)]}, InvalidRequest, r"'' is no name"),
    ],
)
def test_bad_requests_are_refused_by_name(store: FeatureStore, options: dict, error: type, match: str) -> None:
    request = {"pairs": [("A", T0)], **options}
    with pytest.raises(error, match=match):
        store.get_point_in_time(**request)


def test_an_unknown_set_or_interval_is_refused(module_settings: Settings, database: Connection) -> None:
    for options, match in (
        ({"feature_set": "cora"}, "unknown feature set 'cora' in the feature store; did you mean 'core'"),
        ({"interval": "2m"}, "unknown interval '2m'"),
    ):
        with FeatureStore(module_settings, **options) as other, pytest.raises(UnknownFeature, match=match):
            other.get_latest(["A"], as_of=datetime(2024, 1, 1, tzinfo=UTC))


def test_a_refusal_leaves_the_connection_usable(store: FeatureStore, history: list[str]) -> None:
    with pytest.raises(UnknownFeature):
        store.get_latest(history, ["nothing"], as_of=T0 + 100 * DAY)
    assert store.get_latest(history, as_of=T0 + 100 * DAY).known.all()


def test_a_server_that_goes_away_is_named(module_settings: Settings) -> None:
    away = module_settings.model_copy(
        update={"postgres": module_settings.postgres.model_copy(update={"dsn": "postgresql://nobody@127.0.0.1:1/x"})}
    )
    with FeatureStore(away) as other, pytest.raises(WarehouseError, match=r"127\.0\.0\.1:1"):
        other.get_latest(["A"])


def test_reads_write_nothing(module_settings: Settings, store: FeatureStore, history: list[str]) -> None:
    with connect(module_settings) as connection, connection.transaction():
        connection.execute("SET TRANSACTION READ ONLY")
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("CREATE TABLE never ()")
    assert store.get_latest(history, as_of=T0 + 100 * DAY).known.all()
