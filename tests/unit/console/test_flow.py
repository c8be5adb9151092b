"""The page of the flow: what is degraded and why, quantiles, groups, and the reconciliation beside it."""

import json
import math
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaltape.console.flow.picture import figures, groups, nodes, services
from signaltape.console.flow.problems import Own, problems
from signaltape.console.flow.quantiles import buckets_of, quantile
from signaltape.console.flow.reconciled import Reconciled
from signaltape.fleet import Check, Process, Series, View, Waiting
from signaltape.service_table import PIPELINE
from tests.support.waiting import wait_for

NOW = 1_795_000_000 * 10**9
FINE = Own(checks={"kafka": (True, ""), "postgres": (True, ""), "redis": (True, "")}, live=1)


def process(service: str, **fields: object) -> Process:
    made = Process(service=service, instance=0, host="127.0.0.1", port=1, pid=7, exists=True, alive=True, ready=True)
    return replace(made, **fields)  # type: ignore[arg-type]


def view(*others: Process, without: tuple[str, ...] = ()) -> View:
    named = {one.service for one in others} | set(without)
    return View(at_ns=NOW, processes=(*(process(name) for name in PIPELINE if name not in named), *others))


def series(name: str, **labels: str) -> Series:
    return Series(name, tuple(sorted(labels.items())))


def late(seconds: float) -> View:
    labels = {"consumergroup": "g", "topic": "t", "partition": "0"}
    told = {series("kafka_consumergroup_lag", **labels): 9.0,
            series("kafka_consumergroup_lag_seconds", **labels): seconds}  # fmt: skip
    return view(process("monitor", samples=told))


def watched(one: Series, value: float) -> View:
    return view(process("monitor", samples={one: value}))


def behind(messages: int) -> View:
    return view(process("store", lag=(Waiting(topic="signals", partition=0, messages=messages),)))


def keys(seen: View, own: Own = FINE, expected: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    return [(one.level, one.key) for one in problems(seen, {}, own, expected)]


def test_nothing_is_degraded_where_all_is_well() -> None:
    assert keys(view()) == []


@pytest.mark.parametrize(
    ("seen", "own", "found"),
    [
        # a dependency is said once, though services wait for it too, and what only misses it is odd
        (
            view(process("store", ready=False, checks=(Check(name="postgres", ok=False, detail="refused"),))),
            replace(FINE, checks={"postgres": (False, "refused"), "redis": (False, "gone")}),
            [("bad", "postgres"), ("odd", "redis")],
        ),
        (view(without=("drift",)), FINE, [("bad", "absent drift")]),
        (view(process("drift", alive=False, ready=False, exists=False, error="ended")), FINE, [("bad", "down drift")]),
        (view(process("drift", alive=False, ready=False, error="no answer")), FINE, [("bad", "silent drift")]),
        (
            view(process("inference", ready=False, checks=(Check(name="models", ok=False, detail="first:2"),))),
            FINE,
            [("bad", "check inference models")],
        ),
        (behind(501), FINE, [("odd", "lag store")]),
        (behind(500), FINE, []),
        (watched(series("signaltape_breaker_open", model="a:1"), 1.0), FINE, [("bad", "breaker a:1")]),
        (late(61.0), FINE, [("bad", "late g")]),
        (late(11.0), FINE, [("odd", "late g")]),
        (late(10.0), FINE, []),
        (watched(series("signaltape_dead_letters_kept", topic="bars.dlq"), 3.0), FINE, [("odd", "letters bars.dlq")]),
        (view(process("monitor", samples={
            series("signaltape_disk_free_bytes", folder="/d"): 9.0,
            series("signaltape_disk_bytes", folder="/d"): 100.0,
        })), FINE, [("bad", "disk /d")]),
        (view(process("store", samples={series("signaltape_online_stale"): 1.0})), FINE, [("odd", "stale")]),
        (view(), replace(FINE, live=0), [("odd", "no model")]),
        (view(), replace(FINE, live=None), []),  # not known is not none
    ],
)  # fmt: skip
def test_what_is_degraded_is_said_once_with_its_level(seen: View, own: Own, found: list[tuple[str, str]]) -> None:
    assert keys(seen, own) == found
    for one in problems(seen, {}, own, ()):
        assert one.what
        assert one.why or one.do or one.command


def test_the_worst_stands_first_and_a_missing_helper_last() -> None:
    seen = view(without=("drift",))
    assert keys(seen, replace(FINE, live=0), ("monitor",)) == [
        ("bad", "absent drift"), ("odd", "no model"), ("note", "absent monitor"),
    ]  # fmt: skip


def test_messages_that_are_rejected_now_are_told() -> None:
    rates = {series("signaltape_dead_letters_total", topic="bars", code="off_grid"): 0.5}
    assert [(one.key, one.why) for one in problems(view(), rates, FINE, ())] == [("letters now", "30 a minute")]


def test_quantiles_lie_within_their_bucket() -> None:
    found = {0.1: 0.0, 0.2: 8.0, 0.4: 10.0, math.inf: 10.0}
    assert quantile(found, 0.4) == pytest.approx(0.15)
    assert quantile(found, 0.9) == pytest.approx(0.3)
    assert quantile({}, 0.5) is None
    assert quantile({0.1: 0.0, math.inf: 0.0}, 0.5) is None
    assert quantile({0.1: 0.0, math.inf: 3.0}, 0.99) == 0.1  # at least so much


@given(st.lists(st.integers(0, 50), min_size=2, max_size=8), st.floats(0.01, 1.0), st.floats(0.01, 1.0))
def test_quantiles_don_t_fall(counts: list[int], one: float, other: float) -> None:
    bounds = [*(0.1 * (place + 1) for place in range(len(counts) - 1)), math.inf]
    total, found = 0.0, {}
    for bound, count in zip(bounds, counts, strict=True):
        total += count
        found[bound] = total
    low, high = (quantile(found, share) for share in sorted((one, other)))
    assert (low is None) == (high is None) == (total == 0.0)
    assert low is None or high is None or low <= high + 1e-12


def test_buckets_of_all_processes_are_added() -> None:
    name = "signaltape_stage_latency_seconds"
    rates = {
        series(f"{name}_bucket", stage="features", le="0.1"): 2.0,
        series(f"{name}_bucket", stage="features", le="+Inf"): 3.0,
        series(f"{name}_bucket", stage="store", le="0.1"): 9.0,
        series("signaltape_bar_to_signal_seconds_bucket", le="0.1"): 0.0,
        series("signaltape_bar_to_signal_seconds_bucket", le="0.25"): 4.0,
        series("signaltape_bar_to_signal_seconds_bucket", le="+Inf"): 4.0,
    }  # fmt: skip
    assert buckets_of(rates, name, stage="features") == {0.1: 2.0, math.inf: 3.0}
    found = figures(view(), {}, rates)
    assert found["latency"]["features"]["p50"] == pytest.approx(0.075)
    assert found["latency"]["to_signal"]["p50"] == pytest.approx(0.175)
    assert found["latency"]["inference"] == {"p50": None, "p99": None}  # said nothing


def test_what_nobody_tells_is_not_known_rather_than_fine() -> None:
    dead = View(at_ns=NOW, processes=(process("features", alive=False, ready=False, exists=False),))
    found = figures(dead, {}, {})
    assert set(found["rates"].values()) == {None}
    assert (found["dead_letters"], found["online_stale"], found["waiting"]) == (None, None, None)
    gauge = {series("signaltape_online_stale"): 0.0}
    assert figures(view(process("api", samples=gauge)), {}, {})["online_stale"] is None  # it only has the gauge
    assert figures(view(process("features", samples=gauge)), {}, {})["online_stale"] is False
    assert figures(view(process("monitor", samples={series("signaltape_online_stale"): 1.0})), {}, {})["online_stale"]


def test_a_service_that_has_rejected_nothing_says_none() -> None:
    found = figures(view(), {series("signaltape_signals_total", signal="long"): 2.0}, {})
    assert (found["dead_letters"], found["rates"]["signals"], found["rates"]["alerts"]) == (0.0, 2.0, 0.0)


def test_groups_are_the_monitors_where_it_runs() -> None:
    lag = (Waiting(topic="features", partition=0, messages=3), Waiting(topic="features", partition=1, messages=4))
    alone = view(process("inference", lag=lag))
    rows, source = groups(alone)
    assert source == "processes"
    assert rows == [{"group": "inference", "topic": "features", "messages": 7, "seconds": None}]
    labels = {"consumergroup": "g", "topic": "features"}
    told = {
        series("kafka_consumergroup_lag", partition="0", **labels): 5.0,
        series("kafka_consumergroup_lag", partition="1", **labels): 6.0,
        series("kafka_consumergroup_lag_seconds", partition="0", **labels): 2.0,
        series("kafka_consumergroup_lag_seconds", partition="1", **labels): 1.0,
    }
    rows, source = groups(view(process("inference", lag=lag), process("monitor", samples=told)))
    assert source == "monitor"
    assert rows == [{"group": "g", "topic": "features", "messages": 11, "seconds": 2.0}]


def test_a_service_is_as_well_as_its_worst_instance() -> None:
    seen = view(process("features"), process("features", instance=1, alive=False, ready=False, exists=False))
    found = nodes(seen, ("features", "api"))
    assert found["features"] == {"state": "down", "instances": 2, "ready": 1, "waiting": 0}
    assert found["api"] == {"state": "absent", "instances": 0, "ready": 0, "waiting": 0}


def test_a_process_without_an_answer_has_no_figures() -> None:
    (row,) = services(View(at_ns=NOW, processes=(process("drift", alive=False, ready=False, exists=False),)), {})
    assert row["state"] == "down"
    assert [row[name] for name in ("memory", "cores", "uptime_s", "version", "errors", "waiting")] == [None] * 6


def reconciled(script: str) -> dict[str, object]:
    one = Reconciled((sys.executable, "-c", script))
    assert one.start()
    assert not one.start()  # one at a time
    wait_for(lambda: one.state()["last"] is not None and one.state()["running"] is None, 20, "the result")
    assert not one.start()  # and at most once a minute
    last = one.state()["last"]
    assert isinstance(last, dict)
    return last


@pytest.mark.parametrize("ok", [True, False])
def test_a_reconciliation_ends_with_its_lines(*, ok: bool) -> None:
    document = {"reconciled": ok, "reconciliation": [{"stage": "bars → table", "ok": ok}]}
    found = reconciled(
        f"import sys; print({json.dumps(document)!r}); print('counting bars', file=sys.stderr); sys.exit(1)"
    )
    assert (found["ok"], found["fault"], found["lines"]) == (ok, "", document["reconciliation"])


def test_a_reconciliation_that_fails_says_why() -> None:
    found = reconciled("import sys; sys.exit('signaltape: Postgres does not answer at localhost')")
    assert (found["ok"], found["fault"], found["lines"]) == (False, "Postgres does not answer at localhost", [])


def test_a_reconciliation_that_is_ended_from_outside_is_not_called_slow() -> None:
    found = reconciled("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert (found["ok"], found["lines"]) == (False, [])
    assert "was ended by signal 9" in str(found["fault"])
