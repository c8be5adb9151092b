"""Values of features that are computed elsewhere: kept once, corrected beside, refused whole."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from infra.feature_store import FeatureStore, FeatureStoreError, InvalidRequest
from infra.settings import Settings
from infra.warehouse import connect
from schemas.intervals import MINUTE
from signaltape.cli import app
from tests.support.feature_facts import Fact, insert
from tests.support.isolation import process_environment

T0 = 1_700_000_040 * 1_000_000_000
LAG = timedelta(minutes=5)


@pytest.fixture
def store(filled: Settings) -> Iterator[FeatureStore]:
    with FeatureStore(filled) as opened:
        yield opened


def rows_of(settings: Settings, feature: str) -> list[tuple[Any, ...]]:
    with connect(settings) as connection:
        return connection.execute(
            "SELECT entity_key, revision, value_double, value_json, producer, producer_version, run_id"
            " FROM feature_events WHERE feature_name = %s ORDER BY entity_key, event_time, revision",
            (feature,),
        ).fetchall()


def write(store: FeatureStore, feature: str, values: list[Any], **more: Any) -> int:
    names = [f"E{place}" for place in range(len(values))]
    given = {"availability_lag": LAG, "producer": "desk", "producer_version": "abc123", "run_id": "run-1"} | more
    return store.write_features(feature, names, [T0] * len(values), values, **given)


def test_the_same_values_again_insert_nothing(store: FeatureStore, filled: Settings) -> None:
    assert write(store, "sentiment", [0.5, -1]) == 2
    assert write(store, "sentiment", [0.5, -1.0]) == 0
    assert rows_of(filled, "sentiment") == [
        ("E0", 0, 0.5, None, "desk", "abc123", "run-1"),
        ("E1", 0, -1.0, None, "desk", "abc123", "run-1"),
    ]


def test_a_value_is_available_after_its_lag_and_a_correction_when_it_came(store: FeatureStore) -> None:
    write(store, "score", [1.0])
    write(store, "score", [2.0], run_id="run-2")
    at = T0 + 5 * MINUTE
    before = store.get_latest(["E0"], ["score"], at - 1000, knowledge="available")
    then = store.get_latest(["E0"], ["score"], at, knowledge="available")
    now = store.get_latest(["E0"], ["score"])
    assert not before.known.any()
    assert (then.values[0, 0], now.values[0, 0]) == (1.0, 2.0)
    # By the clock of this store nothing was known then: it was stored today.
    assert not store.get_latest(["E0"], ["score"], at).known.any()


def test_json_values_are_kept_as_they_are(store: FeatureStore, filled: Settings) -> None:
    documents = [{"a": [1, 2.5], "ü": None}, "text", [True]]
    assert write(store, "news", documents) == 3
    assert write(store, "news", documents) == 0
    frame = store.get_latest(["E2", "E0", "E1"], ["news"])
    assert frame.documents["news"] == ([True], documents[0], "text")
    assert [row[3] for row in rows_of(filled, "news")] == documents


def test_writers_at_once_count_their_corrections(filled: Settings) -> None:
    def work(value: float) -> None:
        with FeatureStore(filled) as own:
            write(own, "contested", [value] * 20)

    threads = [threading.Thread(target=work, args=(float(value),)) for value in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = rows_of(filled, "contested")
    assert len(found) == 80
    assert sorted(row[1] for row in found if row[0] == "E7") == [0, 1, 2, 3]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "NaN": ({"values": [1.0, float("nan")]}, "'odd' of E1 at 2023-11-14.* is nan"),
    "infinity in a document": ({"values": [{"x": float("inf")}]}, "is no JSON"),
    "half a character": ({"values": ["\ud800"]}, "is no JSON"),
    "a NUL": ({"values": ["\0"]}, "a NUL"),
    "nothing": ({"values": []}, "no values"),
    "None": ({"values": [None]}, "leave out what is undefined"),
    "a negative lag": ({"availability_lag": timedelta(seconds=-1)}, "must not be negative"),
    "a column of the engine": ({"feature": "a"}, "a column of feature set core version 1"),
    "another type": ({"feature": "typed", "values": ["text"]}, "holds double values, these are json"),
    "a version below 1": ({"feature_version": 0}, "at least 1"),
    "no producer": ({"producer": ""}, "producer '' is no name"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_kept_is_refused_and_nothing_is_written(
    store: FeatureStore, filled: Settings, case: str
) -> None:
    write(store, "typed", [1.0])
    changes, message = REFUSED[case]
    given = {"feature": "odd", "values": [1.0]} | changes
    with pytest.raises(InvalidRequest, match=message):
        write(store, given.pop("feature"), given.pop("values"), **given)
    assert rows_of(filled, "odd") == []
    assert len(rows_of(filled, "typed")) == 1


def test_times_and_columns_are_checked(store: FeatureStore, filled: Settings) -> None:
    for times, values, message in (
        ([T0 + 1], [1.0], "finer than a microsecond"),
        ([T0], [1.0, 2.0], "do not match"),
    ):
        with pytest.raises(InvalidRequest, match=message):
            store.write_features("odd", ["E0"], times, values, producer="desk")
    with pytest.raises(InvalidRequest, match="two values of 'odd' for E0"):
        store.write_features("odd", ["E0", "E0"], [T0, T0], [1.0, 2.0], producer="desk")
    assert rows_of(filled, "odd") == []


def test_the_command_shows_what_was_known(filled: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in process_environment(filled).items():
        monkeypatch.setenv(name, value)
    facts = [
        Fact(entity="GET", event=T0, available=T0 + MINUTE, ingest=T0 + MINUTE, values=(1.5, None, 3.0, 4.0)),
        Fact(entity="GET", event=T0, available=T0 + 9 * MINUTE, ingest=T0 + 9 * MINUTE, revision=7),
    ]
    with connect(filled) as connection:
        insert(connection, facts)
    runner = CliRunner()
    asked = ["features", "get", "--symbols", "GET,NONE", "--features", "a,b"]
    told = runner.invoke(app, [*asked, "--as-of", "2023-11-14T22:20:00Z"])
    assert told.exit_code == 0, told.output
    assert "GET: bar closed 2023-11-14T22:14:00Z, available 2023-11-14T22:15:00Z" in told.output
    assert [line.strip() for line in told.output.splitlines() if line.startswith("  ")] == ["a  1.5", "b  undefined"]
    assert "NONE: nothing was known" in told.output
    later = json.loads(runner.invoke(app, [*asked, "--as-of", "2023-11-14T22:30:00Z", "--json"]).output)
    assert later["rows"][0]["features"] == {"a": 1.0, "b": 2.0}
    assert later["final"] is True
    for wrong, message in (
        (["--as-of", "2023-11-14T22:30:00"], "no zone"),
        (["--features", "aa"], "unknown feature 'aa'"),
        (["--set-version", "9"], "unknown version '9'"),
        (["--symbols", ","], "no entities"),
    ):
        refused = runner.invoke(app, [*asked, *wrong])
        assert refused.exit_code == 2 or isinstance(refused.exception, FeatureStoreError)
        assert message in refused.output + str(refused.exception)
