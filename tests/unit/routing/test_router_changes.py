"""The router at the boundaries of what changes around it: terms, pauses, swaps, restarts."""

from dataclasses import replace

import pytest

from pipeline.routing.partition import Output, PartitionInference
from pipeline.routing.router_state import RouterState
from schemas.intervals import SECOND
from schemas.predictions import OUTCOMES, STATUSES, PredictionBatch
from schemas.signals import Notice, Signal
from tests.support.feature_chain import SET, T0, Bench

LONG, SHORT, FLAT = {"A": (0.9, 0.8)}, {"A": (-0.9, 0.8)}, {"A": (0.0, 0.8)}


def outcomes(output: Output) -> list[str]:
    """Outcome of A's row in each prediction batch."""
    return [OUTCOMES[item.outcome[0]] for item in output.predictions if isinstance(item, PredictionBatch)]


def told(output: Output) -> list[str]:
    return [message.signal for message in output.signals if isinstance(message, Signal)]


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.activate()
    return bench


def parameters(bench: Bench, at: float | None = None, strategy: str = "", **values: object) -> Output:
    """Set parameters, ``at`` seconds after T0 or from the next bar on."""
    effective = 0 if at is None else T0 + round(at * SECOND)
    event = bench.writer.control("parameters", strategy=strategy, parameters=values, effective_from=effective)
    return bench.take(event)


def restarted(bench: Bench, kept: bytes, *since: Output) -> None:
    """The next owner: state from a snapshot and the batches recorded since."""
    state = RouterState.restore(kept)
    for output in since:
        state.replay([item for item in output.predictions if isinstance(item, PredictionBatch)])
    old = bench.inference
    bench.inference = PartitionInference(
        partition=0, models=bench.models, options=old.options, standing=old.standing, control=old.control, state=state
    )


def test_first_signal_of_a_symbol_passes_whatever_the_mode(bench: Bench) -> None:
    parameters(bench, emit="on_change")
    assert told(bench.bar(0, FLAT)) == ["flat"]


def test_restart_exactly_at_window_end(bench: Bench) -> None:
    bench.bar(0, LONG)
    restarted(bench, bench.inference.snapshot().state)
    assert outcomes(bench.bar(5, LONG)) == ["emitted"]


def test_restart_just_before_window_end(bench: Bench) -> None:
    bench.bar(0, LONG)
    restarted(bench, bench.inference.snapshot().state)
    assert outcomes(bench.bar(4.999999, LONG)) == ["suppressed"]


def test_restart_after_a_suppressed_row_does_not_move_the_window(bench: Bench) -> None:
    kept = bench.inference.snapshot().state
    since = [bench.bar(0, LONG), bench.bar(4, LONG)]
    restarted(bench, kept, *since)
    assert outcomes(bench.bar(5, LONG)) == ["emitted"]


def test_restart_keeps_what_on_change_compares_with(bench: Bench) -> None:
    parameters(bench, emit="on_change")
    kept = bench.inference.snapshot().state
    since = [bench.bar(0, LONG), bench.bar(10, LONG)]
    assert outcomes(since[1]) == ["unchanged"]
    restarted(bench, kept, *since)
    assert outcomes(bench.bar(20, LONG)) == ["unchanged"]
    assert outcomes(bench.bar(21, SHORT)) == ["emitted"]


def test_restart_between_the_parts_of_two_models(bench: Bench) -> None:
    """A half-taken source message is taken again from its first part."""
    bench.activate("t", bench.models.add("n", feature_set="other"))
    bench.bar(0, LONG, sets=(SET, "other"))
    kept = bench.inference.snapshot().state
    first, second = bench.writer.bar(T0 + SECOND, SHORT, sets=(SET, "other"))
    assert bench.inference.take(first, bench.taken) is None
    restarted(bench, kept)
    assert told(bench.take(first, second)) == ["short"]


def test_shorter_window_ends_an_open_one(bench: Bench) -> None:
    bench.bar(0, LONG)
    parameters(bench, at=3, dedup_window_ns=3 * SECOND)
    assert [outcomes(bench.bar(at, LONG)) for at in (2.999999, 3)] == [["suppressed"], ["emitted"]]


def test_longer_window_reopens_a_closed_one(bench: Bench) -> None:
    bench.bar(0, LONG)
    parameters(bench, dedup_window_ns=10 * SECOND)
    assert [outcomes(bench.bar(at, LONG)) for at in (6, 9.999999, 10)] == [["suppressed"], ["suppressed"], ["emitted"]]


def test_window_of_zero_inside_an_open_window(bench: Bench) -> None:
    bench.bar(0, LONG)
    parameters(bench, dedup_window_ns=0)
    assert outcomes(bench.bar(1, LONG)) == ["emitted"]


def test_on_change_from_inside_a_window(bench: Bench) -> None:
    bench.bar(0, LONG)
    parameters(bench, emit="on_change")
    assert [outcomes(bench.bar(at, LONG)) for at in (4, 5)] == [["suppressed"], ["unchanged"]]
    parameters(bench, emit="every_bar")
    assert outcomes(bench.bar(6, LONG)) == ["emitted"], "what is unchanged opens no window"


def test_parameter_acts_exactly_at_its_bar(bench: Bench) -> None:
    parameters(bench, at=2, blocked_symbols=["A"])
    assert [outcomes(bench.bar(at, LONG)) for at in (1.999999, 2)] == [["emitted"], ["filtered"]]


def test_parameter_for_a_time_that_has_passed_acts_from_the_next_bar(bench: Bench) -> None:
    bench.bar(5, LONG)
    notices = [one for one in parameters(bench, at=3, blocked_symbols=["A"]).signals if isinstance(one, Notice)]
    assert [(one.kind, one.event_time) for one in notices] == [
        ("parameters", T0 + 5 * SECOND + 1), ("control_late", T0 + 5 * SECOND + 1),
    ]  # fmt: skip
    assert outcomes(bench.bar(5.000001, SHORT)) == ["filtered"]


def test_two_changes_for_the_same_bar_the_later_event_wins(bench: Bench) -> None:
    parameters(bench, at=2, blocked_symbols=["A"])
    parameters(bench, at=2, blocked_symbols=[])
    assert outcomes(bench.bar(2, LONG)) == ["emitted"]


def test_symbol_list_of_a_strategy_stands_before_the_routers(bench: Bench) -> None:
    parameters(bench, blocked_symbols=["A"])
    assert outcomes(bench.bar(0, LONG)) == ["filtered"]
    parameters(bench, strategy="s", blocked_symbols=[])
    assert outcomes(bench.bar(1, LONG)) == ["emitted"]


def test_empty_symbol_list_means_all(bench: Bench) -> None:
    parameters(bench, symbols=["B"])
    assert outcomes(bench.bar(0, LONG)) == ["filtered"]
    parameters(bench, symbols=[])
    assert outcomes(bench.bar(1, LONG)) == ["emitted"]


def test_filtered_direction_does_not_close_the_window(bench: Bench) -> None:
    bench.bar(0, LONG)
    parameters(bench, directions=["flat", "long"])
    assert [outcomes(bench.bar(at, rows)) for at, rows in ((1, SHORT), (2, LONG))] == [["filtered"], ["suppressed"]]


def test_paused_row_opens_no_window(bench: Bench) -> None:
    bench.take(bench.writer.control("pause"))
    assert outcomes(bench.bar(0, LONG)) == ["paused"]
    bench.take(bench.writer.control("resume"))
    assert outcomes(bench.bar(1, LONG)) == ["emitted"]


def test_resume_inside_the_window_of_before_the_pause(bench: Bench) -> None:
    bench.bar(0, LONG)
    bench.take(bench.writer.control("pause"))
    bench.bar(1, SHORT)
    bench.take(bench.writer.control("resume"))
    assert [outcomes(bench.bar(at, LONG)) for at in (2, 5)] == [["suppressed"], ["emitted"]]


def test_pause_of_one_of_two_models_leaves_the_other_alone(bench: Bench) -> None:
    bench.activate("t", bench.models.add("n", feature_set="other"))
    bench.take(bench.writer.control("pause", strategy="s"))
    parts = bench.writer.bar(T0, LONG, sets=(SET, "other"))
    output = bench.take(parts[0], replace(parts[1], values=-parts[1].values))
    assert (told(output), outcomes(output)) == (["short"], ["paused", "emitted"])


def test_silent_model_leaves_the_other_alone(bench: Bench) -> None:
    ref = bench.models.add("n", feature_set="other")
    bench.activate("t", ref)
    bench.models.models[ref].silent = True
    output = bench.bar(0, LONG, sets=(SET, "other"))
    statuses = [STATUSES[item.status[0]] for item in output.predictions if isinstance(item, PredictionBatch)]
    assert (told(output), outcomes(output), statuses) == (["long"], ["emitted", "none"], ["ok", "skipped"])


def test_swap_inside_a_window_does_not_open_another(bench: Bench) -> None:
    """The window belongs to the symbol, not to the model that opened it."""
    bench.bar(0, LONG)
    bench.activate(ref=bench.models.add("m", 2))
    output = bench.bar(1, LONG)
    assert outcomes(output) == ["suppressed"]
    assert [item.model_version for item in output.predictions if isinstance(item, PredictionBatch)] == [2]
    assert outcomes(bench.bar(2, SHORT)) == ["emitted"]


def test_second_strategy_inside_a_window_changes_the_merged_direction(bench: Bench) -> None:
    bench.bar(0, LONG)
    bench.activate("t", bench.models.add("n", feature_set="other"))
    parts = bench.writer.bar(T0 + SECOND, LONG, sets=(SET, "other"))
    output = bench.take(parts[0], replace(parts[1], values=-parts[1].values))
    assert told(output) == ["flat"], "equally sure: the direction decided is another one, so it passes"


@pytest.mark.parametrize(
    ("confidences", "stated"),
    [
        ((0.5, 0.5, 0.5), "flat"),  # two of three is exactly two thirds, not more
        ((0.5, 0.5000001, 0.5), "long"),  # just above it
        ((0.5, 0.5, 0.4), "long"),
    ],
)
def test_three_models_two_against_one(bench: Bench, confidences: tuple[float, float, float], stated: str) -> None:
    bench.activate("t", bench.models.add("n", feature_set="other"))
    bench.activate("u", bench.models.add("o", feature_set="third"))
    parts = bench.writer.bar(T0, LONG, sets=(SET, "other", "third"))
    scores = (0.9, 0.9, -0.9)
    said = [
        replace(part, values=part.values * 0 + [score, confidence])
        for part, score, confidence in zip(parts, scores, confidences, strict=True)
    ]
    assert told(bench.take(*said)) == [stated]


def test_merged_direction_is_deduplicated_not_the_leads(bench: Bench) -> None:
    """Flat by disagreement, then flat by agreement: the same direction inside the window."""
    bench.activate("t", bench.models.add("n", feature_set="other"))
    parts = bench.writer.bar(T0, LONG, sets=(SET, "other"))
    assert told(bench.take(parts[0], replace(parts[1], values=-parts[1].values))) == ["flat"]
    assert outcomes(bench.bar(1, FLAT, sets=(SET, "other"))) == ["suppressed", "merged"]
