"""One test a reason why nothing was sent."""

from dataclasses import replace
from typing import Any

import pytest

from pipeline.explanation.facts import DeadLetter, Moment, RepairFact
from pipeline.explanation.reasons import Known, reasons
from pipeline.explanation.rerun import control_state
from pipeline.routing.options import InferenceOptions, RouterOptions
from schemas.intervals import SECOND
from tests.support.explained_bench import ExplainedBench, bar_fact
from tests.support.feature_chain import SET, T0

LONG, SHORT, FLAT = {"A": (0.9, 0.8)}, {"A": (-0.9, 0.8)}, {"A": (0.0, 0.8)}


def made(**router: object) -> ExplainedBench:
    """Strategy s with the live model m:1."""
    bench = ExplainedBench(InferenceOptions(router=RouterOptions(**router)))  # type: ignore[arg-type]
    bench.activate()
    return bench


def known(bench: ExplainedBench, moment: Moment, **changes: Any) -> Known:
    terms = {ref: one.terms for ref, one in bench.models.models.items()}
    deployments = control_state(moment).in_force(moment.event_time)
    values: dict[str, Any] = {"deployments": deployments, "options": bench.options.router, "terms": terms}
    return Known(**{**values, **changes})


def why(bench: ExplainedBench, at: float, symbol: str = "A", **changes: Any) -> list[dict[str, Any]]:
    moment = bench.moment(symbol, T0 + round(at * SECOND), **changes)
    return list(reasons(moment, known(bench, moment)))


def codes(found: list[dict[str, Any]]) -> list[str]:
    return [one["code"] for one in found]


def test_emitted() -> None:
    bench = made()
    bench.bar(0, LONG)
    (only,) = why(bench, 0)
    assert (only["code"], only["text"], only["strategy"], only["model"]) == ("emitted", "long was sent", "s", "m:1")


def test_no_bar() -> None:
    (only,) = why(made(), 5, bars=(), previous=T0, following=None)
    assert (only["code"], only["previous"], only["following"]) == ("no_bar", T0, None)
    assert only["text"].endswith("the one before closed at 2023-11-16T14:30:00Z")
    assert why(made(), 5, bars=())[0]["text"].endswith("none is stored at all")


def test_dead_letter() -> None:
    letter = DeadLetter(topic="bars.v1", partition=2, offset=7, code="high_below_low", detail="high 1 < low 2")
    (only,) = why(made(), 0, bars=(), dead_letters=(letter,))
    assert (only["code"], only["rejected_as"], only["offset"]) == ("dead_letter", "high_below_low", 7)


@pytest.mark.parametrize(("status", "ending"), [("done", "its repair is done"), (None, "no repair was asked for")])
def test_late(status: str | None, ending: str) -> None:
    late = bar_fact("A", "1s", T0, status="late", source_offset=30)
    repairs = (RepairFact(event_time=T0, reason="late", status=status, source_offset=30),) if status else ()
    (only,) = why(made(), 0, bars=(late,), repairs=repairs)
    assert (only["code"], only["offset"]) == ("late", 30)
    assert only["text"].endswith(ending)


def test_secondary_source() -> None:
    (only,) = why(made(), 0, bars=(bar_fact("A", "1s", T0, status="secondary", source="other"),))
    assert (only["code"], only["source"]) == ("secondary", "other")


def test_backfilled() -> None:
    assert codes(why(made(), 0, bars=(bar_fact("A", "1s", T0, generation=0),))) == ["backfilled"]


def test_not_warm() -> None:
    bench = made()
    moment = bench.moment("A", T0)
    found = reasons(moment, known(bench, moment, bars=12, warm_up={(SET, 1): 33}))
    assert [(one["code"], one["bars"], one["needed"]) for one in found] == [("not_warm", 12, 34)]
    assert codes(why(bench, 0)) == ["not_warm"]


def test_no_model_at_all() -> None:
    bench = ExplainedBench()
    bench.bar(0, LONG)
    assert codes(why(bench, 0)) == ["no_model"]


def test_no_model_for_the_set() -> None:
    bench = ExplainedBench()
    bench.activate(ref=bench.models.add(feature_set="other"))
    bench.bar(0, LONG)
    (only,) = why(bench, 0)
    assert only["code"] == "no_model"
    assert "from tiny v1 at 1s" in only["text"]
    assert "s (m:1) takes other v1 at 1s, 1m, 1d" in only["text"]


def test_no_model_for_the_interval() -> None:
    bench = made()
    bench.bar(0, LONG, interval="5m")
    moment = bench.moment("A", T0, "5m")
    assert codes(list(reasons(moment, known(bench, moment)))) == ["no_model"]


def test_not_predicted_yet() -> None:
    bench = made()
    bench.bar(0, LONG)
    (only,) = why(bench, 0, rows=(), predicted_to=T0 - SECOND)
    assert only["code"] == "not_predicted"
    assert "up to 2023-11-16T14:29:59Z" in only["text"]


def test_skipped_by_the_fallback() -> None:
    bench = made()
    (ref,) = bench.models.models
    bench.models.models[ref].silent = True
    bench.bar(0, LONG)
    (only,) = why(bench, 0)
    assert (only["code"], only["why"]) == ("skipped", "it missed its deadline")


def test_below_confidence_is_flat() -> None:
    bench = made()
    bench.take(bench.writer.control("parameters", strategy="s", parameters={"min_confidence": 0.85}))
    bench.bar(0, FLAT)
    bench.bar(1, LONG)
    first, second = why(bench, 1)
    assert (first["code"], second["code"], second["limit"]) == ("suppressed", "below_confidence", 0.85)
    assert second["text"].endswith("is below min_confidence 0.85 (control event 1)")


def test_flat_between_the_thresholds() -> None:
    bench = made(directions=("long", "short"))
    bench.bar(0, FLAT)
    first, second = why(bench, 0)
    assert (first["code"], second["code"]) == ("filtered_direction", "flat")
    assert first["text"] == "direction flat is not among those let through (long, short) (settings)"
    assert "between short -0.5 (manifest) and long 0.5 (manifest)" in second["text"]


@pytest.mark.parametrize(
    ("router", "code", "text"),
    [
        ({"symbols": ("B",)}, "filtered_symbol", "A is not on the list of 1 symbols (settings)"),
        ({"blocked_symbols": ("A",)}, "filtered_symbol", "A is blocked (settings)"),
        ({"filter_confidence": 0.9}, "filtered_confidence", "confidence 0.8 is below filter_confidence 0.9 (settings)"),
        ({"directions": ("short",)}, "filtered_direction", "direction long is not among those let through (short)"),
    ],
)
def test_filtered(router: dict[str, object], code: str, text: str) -> None:
    bench = made(**router)
    bench.bar(0, LONG)
    (only,) = why(bench, 0)
    assert only["code"] == code
    assert text in only["text"]


def test_filtered_by_an_event_for_this_strategy() -> None:
    bench = made(blocked_symbols=("B",))
    bench.take(bench.writer.control("parameters", parameters={"blocked_symbols": ["C"]}))
    bench.take(bench.writer.control("parameters", strategy="s", parameters={"blocked_symbols": ["A"]}))
    bench.bar(0, LONG)
    assert why(bench, 0)[0]["text"] == "A is blocked (control event 2)"


def test_paused_names_the_event() -> None:
    bench = made()
    bench.take(bench.writer.control("pause", symbols=("B",), reason="other"))
    bench.take(bench.writer.control("pause", strategy="s", reason="look"))
    bench.bar(0, LONG)
    (only,) = why(bench, 0)
    assert (only["code"], only["control_offset"], only["effective"]) == ("paused", 2, 0)
    assert "pause of s by test, from the first bar: look" in only["text"]
    bench.take(bench.writer.control("resume", strategy="s"))
    bench.bar(1, LONG)
    assert codes(why(bench, 1)) == ["emitted"]


def test_suppressed_names_the_emission_and_its_window() -> None:
    bench = made()
    bench.bar(0, LONG)
    bench.bar(3, LONG)
    bench.bar(4.5, LONG)
    (only,) = why(bench, 4.5)
    opened = bench.told.signals["A", "1s"][0]
    assert (only["code"], only["signal_id"], only["opened_at"]) == ("suppressed", opened.signal_id, T0)
    assert (only["until"], only["window_ns"]) == (T0 + 5 * SECOND, 5 * SECOND)


def test_unchanged_under_on_change() -> None:
    bench = made()
    bench.take(bench.writer.control("parameters", parameters={"emit": "on_change"}))
    bench.bar(0, LONG)
    bench.bar(30, LONG)
    (only,) = why(bench, 30)
    assert (only["code"], only["opened_at"]) == ("unchanged", T0)
    assert only["text"].endswith("emit is on_change (control event 1)")


def test_merged_away_and_by_whom() -> None:
    bench = ExplainedBench()
    bench.activate("s", bench.models.add("m"))
    bench.activate("t", bench.models.add("n", feature_set="other"))
    parts = bench.writer.bar(T0, {"A": (0.9, 0.4)}, sets=(SET, "other"))
    bench.take(parts[0], replace(parts[1], values=-parts[1].values))
    first, second = why(bench, 0)
    assert [(one["code"], one["strategy"]) for one in (first, second)] == [("emitted", "s"), ("merged", "t")]
    assert first["text"] == "flat was sent: no direction has more than two thirds of the models' confidence"
    assert second["lead"] == "m:1"


def test_only_a_shadow_predicted() -> None:
    bench = ExplainedBench()
    ref = bench.models.add("sh")
    bench.take(bench.writer.control("shadow", strategy="s", model=ref.name, model_version=1))
    bench.bar(0, LONG)
    assert codes(why(bench, 0)) == ["no_model"]


def test_awaiting_repair_and_corrected_later_are_said_beside() -> None:
    bench = made()
    bench.bar(0, LONG)
    later = bar_fact("A", "1s", T0, status="correction", revision=2, source_offset=40)
    moment = bench.moment("A", T0, corrected=(later,))
    found = reasons(moment, known(bench, moment, awaiting=True))
    assert [one["code"] for one in found] == ["emitted", "awaiting_repair", "corrected_later"]
    assert (found[2]["revision"], found[2]["offset"]) == (2, 40)
