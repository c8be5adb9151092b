"""Explanations of a real run: they agree bit for bit, say why nothing was sent, and see what is changed."""

import itertools
import json
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from confluent_kafka import TopicPartition

from infra.broker.admin import admin_client, low_high_offsets
from infra.scoring.registry import ModelRegistry
from infra.settings import Settings
from infra.warehouse import connect
from infra.warehouse.moments import to_moment, to_nanoseconds
from schemas.topics import TopicNames
from signaltape.__main__ import main
from signaltape.explanation import Explanation, ExplanationError, explain_bar, explain_signal
from signaltape.explanation.document import document
from signaltape.explanation.errors import QuestionError
from signaltape.explanation.text import lines
from tests.support.explained_run import (
    CHANGED,
    FIRST,
    FOREIGN,
    LATE,
    NEVER,
    PAUSED,
    REJECTED,
    REVISED,
    SWAPPED,
    SYMBOLS,
    at,
)
from tests.support.isolation import process_environment

ALL = ("bars", "features", "scores", "decisions", "router", "signal")


def rows(settings: Settings, query: str, *values: object) -> list[Any]:
    with connect(settings) as connection:
        return connection.execute(query.encode(), values or None).fetchall()


def codes(made: Explanation) -> list[str]:
    return [one["code"] for one in made.reasons]


def signals(settings: Settings, symbol: str) -> list[tuple[str, int]]:
    """(id, bar) of a symbol's signals at one minute."""
    found = rows(settings, "SELECT signal_id, event_time FROM signals WHERE symbol = %s ORDER BY event_time", symbol)
    bars = {to_moment(at(bar)): bar for bar in range(CHANGED)}
    return [(signal_id, bars[time]) for signal_id, time in found]


def test_signals_of_two_symbols_agree_bit_for_bit(flown: Settings) -> None:
    """Before and after a kept state, a pause, a swap, a correction that came later, and one that was repaired."""
    begins = set()
    for symbol in ("S001", REVISED[0]):
        told = signals(flown, symbol)
        assert len(told) > 8
        for signal_id, bar in told[::3]:
            made = explain_signal(flown, signal_id)
            again = made.recomputed
            assert (made.verdict, again.exact, again.checked) == ("agrees", True, ALL), (symbol, bar, again)
            assert codes(made)[0] == "emitted"
            found = document(made)
            assert (found["symbol"], found["event_time"], found["signal"]["signal_id"]) == (symbol, at(bar), signal_id)
            begins.add(again.begins.split(" offset")[0])
    assert begins == {"the kept state before", f"the first bar of {REVISED[0]}", "the first bar of S001"}


def test_bars_of_one_symbol_agree_signal_or_not(flown: Settings) -> None:
    for bar in range(30, CHANGED, 3):
        made = explain_bar(flown, REVISED[0], at(bar), "1m")
        assert made.verdict == "agrees", (bar, made.recomputed)
        assert (made.gathered.moment.signal is None) == ("emitted" not in codes(made))


REASONS = [
    ("S000", 20, "not_warm"),
    ("S001", FIRST + 2, "paused"),
    ("S002", PAUSED + 1, "filtered_symbol"),
    (*LATE, "late"),
    (*REJECTED, "dead_letter"),
    (*FOREIGN, "dead_letter"),
    (*NEVER, "no_bar"),
    ("S000", CHANGED + 100, "no_bar"),
    ("NONE", 50, "no_bar"),
]


@pytest.mark.parametrize(("symbol", "bar", "code"), REASONS)
def test_why_there_was_no_signal(flown: Settings, symbol: str, bar: int, code: str) -> None:
    made = explain_bar(flown, symbol, at(bar), "1m")
    assert codes(made)[0] == code
    assert made.gathered.moment.signal is None
    assert made.verdict in ("agrees", "nothing")


def test_reasons_carry_their_evidence(flown: Settings) -> None:
    cold = explain_bar(flown, "S000", at(20), "1m").reasons[0]
    assert (cold["bars"], cold["needed"]) == (21, 34)
    paused = explain_bar(flown, "S001", at(FIRST + 2), "1m").reasons[0]
    assert paused["control_offset"] == 2
    assert at(FIRST - 1) < paused["effective"] < at(FIRST)
    assert "look at it" in paused["text"]
    letter = explain_bar(flown, REJECTED[0], at(REJECTED[1]), "1m").reasons[0]
    assert letter["rejected_as"] == "high_below_low"
    late = explain_bar(flown, LATE[0], at(LATE[1]), "1m").reasons[0]
    assert "its repair is done" in late["text"]
    never = explain_bar(flown, NEVER[0], at(NEVER[1]), "1m").reasons[0]
    assert (never["previous"], never["following"]) == (at(NEVER[1] - 1), at(NEVER[1] + 1))


def test_suppressed_and_unchanged_name_the_emission(flown: Settings) -> None:
    for outcome in ("suppressed", "unchanged"):
        query = "SELECT max(event_time) FROM predictions WHERE symbol = 'S003' AND outcome = %s"
        time = to_nanoseconds(rows(flown, query, outcome)[0][0])
        first = explain_bar(flown, "S003", time, "1m").reasons[0]
        assert first["code"] == outcome
        opened = rows(flown, "SELECT event_time FROM signals WHERE signal_id = %s", first["signal_id"])
        assert opened == [(to_moment(first["opened_at"]),)]
        if outcome == "suppressed":
            assert time < first["until"] == first["opened_at"] + 150 * 10**9


def test_a_bar_in_no_models_interval(flown: Settings) -> None:
    time = rows(flown, "SELECT max(event_time) FROM features WHERE interval = '5m'")[0][0]
    made = explain_bar(flown, "S000", int(time.timestamp()) * 10**9, "5m")
    assert codes(made) == ["no_model"]
    assert "alpha (first:1) takes core v1 at 1m" in made.reasons[0]["text"]
    with pytest.raises(QuestionError, match="1m, 5m: say which with --interval"):
        explain_bar(flown, "S000", at(40), None)


def test_a_deadline_that_was_missed_is_taken_as_recorded(flown: Settings) -> None:
    query = (
        "SELECT p.symbol, p.event_time FROM model_calls c JOIN predictions p USING (partition, topic_offset)"
        " WHERE c.strategy = 'gamma' AND {} ORDER BY 2 DESC LIMIT 1"
    )
    symbol, time = rows(flown, query.format("c.deadline_missed"))[0]
    made = explain_bar(flown, symbol, to_nanoseconds(time), "1m")
    assert made.verdict == "agrees"
    assert next(one for one in made.reasons if one["code"] == "skipped")["strategy"] == "gamma"
    assert made.recomputed.honoured == ("slow:1 (gamma live): a missed deadline; status skipped",)
    below = [one for one in made.reasons if one["code"] == "below_confidence"]
    assert [(one["strategy"], one["limit"]) for one in below] == [("beta", 0.999)]
    symbol, time = rows(flown, query.format("c.breaker_open"))[0]
    later = explain_bar(flown, symbol, to_nanoseconds(time), "1m")
    assert later.recomputed.honoured == ("slow:1 (gamma live): the breaker was open; status skipped",)


def test_the_swap_is_at_its_bar_and_terms_say_where_they_come_from(flown: Settings) -> None:
    before, after = (document(explain_bar(flown, "S007", at(bar), "1m")) for bar in (PAUSED - 1, PAUSED))
    versions = [{one["strategy"]: one["model_version"] for one in found["models"]} for found in (before, after)]
    assert versions == [{"alpha": 1, "beta": 1}, {"alpha": 2, "beta": 1}]
    terms = after["models"][0]["row"]["terms"]
    assert (terms["long"]["origin"], terms["blocked_symbols"]["origin"]) == ("manifest", "control")
    assert terms["blocked_symbols"]["value"] == ["S002"]
    assert after["router"]["terms"]["dedup_window_ns"] == {
        "value": 150 * 10**9, "origin": "settings", "control_offset": None,
    }  # fmt: skip
    assert [(one["action"], one["control_offset"]) for one in after["control"]] == [
        ("activate", 1), ("activate", 4), ("parameters", 5),
    ]  # fmt: skip
    manifest = ModelRegistry(flown).get("first", 2)
    assert after["models"][0]["sha256"] == manifest.sha256
    assert after["latency"]["missing"] == ""
    assert [one["step"] for one in after["latency"]["steps"]][:3] == [
        "bar available", "bar published", "prediction published",
    ]  # fmt: skip


def test_a_correction_that_came_later_is_not_what_was_seen(flown: Settings) -> None:
    symbol, bar = REVISED
    made = explain_bar(flown, symbol, at(bar), "1m")
    assert (made.verdict, codes(made)[-1]) == ("agrees", "corrected_later")
    first = rows(flown, "SELECT close FROM bars WHERE symbol = %s AND event_time = %s AND revision = 0", symbol,
                 to_moment(at(bar)))  # fmt: skip
    assert document(made)["bars"][-1]["close"] == first[0][0]
    awaiting = explain_bar(flown, symbol, at(SWAPPED - 1), "1m")
    assert (awaiting.verdict, "awaiting_repair" in codes(awaiting)) == ("agrees", True)
    assert document(awaiting)["bars"][-1 - (SWAPPED - 1 - bar)]["revision"] == 1


# What is changed in the tables, and what must be named.


@contextmanager
def changed(settings: Settings, table: str, column: str, value: object, where: str) -> Iterator[None]:
    """One value is another one for a while."""
    kept = rows(settings, f"SELECT {column} FROM {table} WHERE {where}")
    assert len(kept) == 1, (table, where, kept)

    def put(one: object) -> None:
        with connect(settings) as connection:
            connection.execute(f"UPDATE {table} SET {column} = %s WHERE {where}".encode(), (one,))

    put(value)
    try:
        yield
    finally:
        put(kept[0][0])


def flipped(value: float) -> float:
    """The neighbour that differs in the last bit."""
    return float(struct.unpack(">d", struct.pack(">q", struct.unpack(">q", struct.pack(">d", value))[0] ^ 1))[0])


BAR = at(PAUSED + 3)
HERE = f"symbol = 'S007' AND interval = '1m' AND event_time = '{to_moment(BAR).isoformat()}'"


@pytest.fixture
def explained(flown: Settings) -> Callable[[], Explanation]:
    return lambda: explain_bar(flown, "S007", BAR, "1m")


def test_one_bit_of_a_feature(flown: Settings, explained: Callable[[], Explanation]) -> None:
    (values,) = rows(flown, f"SELECT \"values\" FROM features WHERE {HERE} AND kind = 'live'")[0]
    names = rows(flown, "SELECT features FROM feature_sets")[0][0]
    place = names.index("rsi_14")
    other = [*values[:place], flipped(values[place]), *values[place + 1 :]]
    with changed(flown, "features", '"values"', other, f"{HERE} AND kind = 'live'"):
        made = explained()
    (only,) = made.recomputed.differences
    assert (made.verdict, only.stage, only.where, only.name) == ("differs", "feature", "core v1", "rsi_14")
    assert (only.recorded, only.computed) == (other[place], values[place])
    assert str(only).count("(40") == 2, "both values with their bits"


@pytest.mark.parametrize(
    ("table", "column", "change", "where", "stage"),
    [
        ("predictions", "score", flipped, "strategy = 'beta'", "score"),
        ("predictions", "confidence", flipped, "strategy = 'alpha'", "score"),
        ("predictions", "direction", lambda was: "long" if was != "long" else "short", "strategy = 'beta'", "decision"),
        ("predictions", "outcome", lambda _: "filtered", "strategy = 'beta'", "router"),
        ("bars", "close", flipped, "true", "bar"),
        ("features", "close", flipped, "kind = 'live'", "feature"),
    ],
)
def test_one_changed_value_is_named(
    flown: Settings, explained: Callable[[], Explanation], table: str, column: str, change: Callable[[Any], Any],
    where: str, stage: str,
) -> None:  # fmt: skip
    was = rows(flown, f"SELECT {column} FROM {table} WHERE {HERE} AND {where}")[0][0]
    with changed(flown, table, column, change(was), f"{HERE} AND {where}"):
        made = explained()
    first = made.recomputed.differences[0]
    assert (made.verdict, first.stage, first.name, first.recorded) == ("differs", stage, column, change(was))
    assert explained().verdict == "agrees"


def test_a_signal_that_should_not_be_there_or_is_missing(flown: Settings) -> None:
    signal_id, bar = signals(flown, "S007")[-1]
    with changed(flown, "signals", "score", 0.5, f"signal_id = '{signal_id}'"):
        made = explain_signal(flown, signal_id)
    assert [(one.stage, one.name) for one in made.recomputed.differences] == [("signal", "score")]
    with changed(flown, "signals", "interval", "1s", f"signal_id = '{signal_id}'"):
        made = explain_bar(flown, "S007", at(bar), "1m")
    assert [(one.stage, one.name) for one in made.recomputed.differences] == [("signal", "(the signal)")]


def test_a_model_whose_file_was_altered(flown: Settings, explained: Callable[[], Explanation]) -> None:
    path = ModelRegistry(flown).folder("second", 1) / "model.onnx"
    kept = path.read_bytes()
    path.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    try:
        made = explained()
    finally:
        path.write_bytes(kept)
    assert (made.verdict, made.recomputed.differences) == ("not checked", ())
    (problem,) = set(made.recomputed.problems)
    assert problem.startswith("model second:1 can't be asked again: ")
    assert "model.onnx" in problem
    assert made.recomputed.checked == ("bars", "features")


def test_a_model_that_is_registered_under_another_file(flown: Settings, explained: Callable[[], Explanation]) -> None:
    where = f"strategy = 'beta' AND source_offset = (SELECT source_offset FROM bars WHERE {HERE})"
    with changed(flown, "model_calls", "model_sha256", "0" * 64, f"{where} AND partition = {_partition(flown)}"):
        made = explained()
    assert [(one.stage, one.name) for one in made.recomputed.differences] == [("model", "sha256")]


def test_a_model_that_was_removed(flown: Settings, explained: Callable[[], Explanation]) -> None:
    folder = ModelRegistry(flown).folder("first", 2)
    folder.rename(folder.with_name("away"))
    try:
        made = explained()
    finally:
        folder.with_name("away").rename(folder)
    assert made.verdict == "not checked"
    assert "model first:2 can't be asked again" in made.recomputed.problems[0]


def test_values_of_another_arithmetic_are_compared_within_tolerances(
    flown: Settings, explained: Callable[[], Explanation]
) -> None:
    where = f"strategy = 'beta' AND source_offset = (SELECT source_offset FROM bars WHERE {HERE})"
    score = rows(flown, f"SELECT score FROM predictions WHERE {HERE} AND strategy = 'beta'")[0][0]
    partition = _partition(flown)
    with (
        changed(flown, "model_calls", "numerics", "another host", f"{where} AND partition = {partition}"),
        changed(flown, "predictions", "score", flipped(score), f"{HERE} AND strategy = 'beta'"),
    ):
        made = explained()
        assert (made.verdict, made.recomputed.exact) == ("agrees", False)
        assert "within tolerances" in "\n".join(lines(document(made)))
        with changed(flown, "predictions", "score", score + 1e-4, f"{HERE} AND strategy = 'beta'"):
            assert explained().verdict == "differs"


def _partition(settings: Settings) -> int:
    return int(rows(settings, f"SELECT partition FROM bars WHERE {HERE}")[0][0])


class Answer(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def command(
    flown: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Answer]:
    for name, value in process_environment(flown).items():
        if name.startswith("SIGNALTAPE_"):
            monkeypatch.setenv(name, value)

    def call(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["signaltape", "explain", *map(str, arguments)])
        capsys.readouterr()
        code: object = 0
        try:
            main()
        except SystemExit as exit:
            code = exit.code
        shown = capsys.readouterr()
        return Answer(int(code or 0), shown.out, shown.err)  # type: ignore[call-overload]

    return call


def test_the_command(flown: Settings, command: Callable[..., Answer], tmp_path: Path) -> None:
    signal_id, bar = signals(flown, "S007")[-1]
    others = [one[0] for one in rows(flown, "SELECT signal_id FROM signals") if one[0] != signal_id]
    size = next(n for n in range(1, 33) if not any(one.startswith(signal_id[:n]) for one in others))
    answer = command(signal_id[:size])
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines()[-1] == "AGREES bit for bit"
    found = json.loads(command(signal_id[:size], "--json").out)
    assert (found["signal"]["signal_id"], found["recomputation"]["verdict"]) == (signal_id, "agrees")
    same = json.loads(command("S007", "--at", at(bar), "--interval", "1m", "--json").out)
    assert same["signal"] == found["signal"]
    iso = to_moment(at(FIRST + 2)).isoformat()
    answer = command("S001", "--at", iso)
    assert (answer.code, answer.out.splitlines()[0][:17]) == (0, "no signal: S001 1")
    with changed(flown, "predictions", "score", 0.5, f"symbol = 'S007' AND strategy = 'beta' AND interval = '1m' "
                 f"AND event_time = '{to_moment(at(bar)).isoformat()}'"):  # fmt: skip
        answer = command(signal_id)
    assert answer.code == 1
    assert answer.err.startswith("signaltape: differs: score score (beta live second:1): recorded → computed: 0.5 (")


def test_questions_that_cannot_be_answered(flown: Settings, command: Callable[..., Answer]) -> None:
    ids = sorted(one[0] for one in rows(flown, "SELECT signal_id FROM signals"))
    first = next(one[0] for one, other in itertools.pairwise(ids) if one[0] == other[0])
    several = command(first)
    assert (several.code, several.out) == (1, "")
    assert f"several signals' ids begin with {first}: " in several.err
    assert "no stored signal has an id that begins with ffffffffffffffff" in command("f" * 16).err
    assert "is not (the beginning of) a signal's id" in command("AAPL").err
    with pytest.raises(ExplanationError):
        explain_signal(flown, "a" * 33)
    for arguments in (("S001", "--at", "yesterday"), ("S001", "--at", at(40), "--interval", "7m"),
                      ("abc", "--interval", "1m"), ("S001", "--at", "2024-10-04T00:30:00")):  # fmt: skip
        answer = command(*arguments)
        assert (answer.code, answer.out) == (2, ""), arguments


def test_works_after_the_topics_have_forgotten(flown: Settings) -> None:
    """Last in this file: what was published is gone from the topics afterwards."""
    names, admin = TopicNames(flown.topics.prefix), admin_client(flown)
    for topic in (names.bars, names.features, names.predictions, names.signals):
        ends = [TopicPartition(topic, p, high) for p, (_, high) in low_high_offsets(flown, topic).items()]
        for future in admin.delete_records(ends).values():
            future.result(30)
    signal_id, _ = signals(flown, "S007")[-1]
    made = explain_signal(flown, signal_id)
    assert (made.verdict, made.recomputed.checked) == ("agrees", ALL[1:])
    assert made.published.missing == "no longer in the topic: bars, predictions, signals"
    assert len(SYMBOLS) == 8


def test_works_while_the_broker_is_away(flown: Settings) -> None:
    away = flown.model_copy(update={"kafka": flown.kafka.model_copy(update={"bootstrap_servers": "127.0.0.1:1"})})
    signal_id, _ = signals(flown, "S007")[-1]
    made = explain_signal(away, signal_id)
    assert made.verdict == "agrees"
    assert made.published.missing.startswith("the broker can't be asked: ")
    made = explain_bar(away, *REJECTED[:1], at(REJECTED[1]), "1m")
    assert codes(made) == ["no_bar"]
    assert document(made)["recomputation"]["problems"][0].startswith("dead letters could not be read: ")
