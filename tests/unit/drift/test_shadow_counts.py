"""The alarm about a shadow whose count of predictions differs from live's: that it fires, and that it doesn't."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from pipeline.drift.config import DriftConfig
from pipeline.drift.metric import DriftMetric
from pipeline.drift.monitor import DriftMonitor
from pipeline.drift.monitor_state import restore, snapshot
from pipeline.drift.training_reference import TrainingReference
from schemas.alerts import Alert
from schemas.intervals import DAY, session_of
from schemas.predictions import STATUSES, PredictionBatch
from tests.support.drift_logs import Lane, Message, Plan, build
from tests.support.drift_run import interleaved
from tests.support.policies import CLASSIC

PLAN = Plan(days=("good",) * 6)
SKIPPED = STATUSES.index("skipped")

#: What becomes of a shadow's record; None: it leaves none.
Fault = Callable[[PredictionBatch], PredictionBatch | None]


def untouched(batch: PredictionBatch) -> PredictionBatch:
    return batch


def on_days(days: set[int], fault: Fault) -> Fault:
    return lambda batch: fault(batch) if session_of(batch.event_time) - PLAN.first in days else batch


def silent(batch: PredictionBatch) -> PredictionBatch:
    return replace(batch, status=np.full(len(batch.symbols), SKIPPED, np.uint8))


def first_row_missing(batch: PredictionBatch) -> PredictionBatch:
    columns = ("score", "confidence", "status", "direction", "outcome")
    rest = {name: getattr(batch, name)[1:] for name in columns}
    return replace(batch, symbols=batch.symbols[1:], **rest)


def nothing(batch: PredictionBatch) -> None:
    return None


def shadowed(fault: Fault, *, from_day: int = 0, split: bool = False) -> dict[Lane, list[Message]]:
    """The plan's logs with shadow ridge:4 beside ridge:3; ``split``: an experiment's arm serves every second row."""
    lanes: dict[Lane, list[Message]] = {}
    for lane, log in build(PLAN).lanes.items():
        found = lanes[lane] = list[Message]()
        for message in log:
            if not isinstance(message, PredictionBatch) or session_of(message.event_time) < PLAN.first + from_day:
                found.append(message)
                continue
            live = replace(message, shadows=("ridge:4",))
            found += halves(live) if split else [live]
            made = fault(replace(message, role="shadow", model_version=4))
            found += [made] if made is not None else []
    return lanes


def halves(batch: PredictionBatch) -> list[PredictionBatch]:
    columns = ("score", "confidence", "status", "direction", "outcome")
    parts = []
    for place, role in enumerate(("live", "arm")):
        rows = {name: getattr(batch, name)[place::2] for name in columns}
        parts.append(replace(batch, role=role, model_version=3 + 4 * place, symbols=batch.symbols[place::2], **rows))
    return parts


def run(lanes: dict[Lane, list[Message]], seed: int = 0, stop_every: int = 0) -> tuple[list[DriftMetric], list[Alert]]:
    """Counts and alerts after any interleaving, with a restart after each so many messages."""
    config = DriftConfig(partitions=PLAN.partitions, policy=CLASSIC)
    reports, _ = interleaved(lanes, config, TrainingReference(), seed=seed, stop_every=stop_every)
    metrics = [one for report in reports for one in report.metrics if one.policy == "shadow"]
    return metrics, [one for report in reports for one in report.alerts if one.policy == "shadow"]


@pytest.mark.parametrize("split", [False, True], ids=["live", "live and arm"])
@pytest.mark.parametrize("from_day", [0, 3])
def test_a_shadow_that_answers_everything_raises_nothing(from_day: int, split: bool) -> None:
    metrics, alerts = run(shadowed(untouched, from_day=from_day, split=split))
    assert alerts == []
    days = len(PLAN.days) - from_day
    expected = [("equal", 0.0, PLAN.symbols, "shadow/ridge:4/1d")] * days
    assert [(one.verdict, one.value, one.sample_size, one.subject) for one in metrics] == expected


@pytest.mark.parametrize(
    ("fault", "rows", "answered"),
    [(nothing, 0, 0), (silent, 30, 0), (first_row_missing, 27, 27)],
    ids=["leaves no record", "can't be loaded", "one row of each partition is missing"],
)
def test_a_shadow_that_misses_rows_raises_one_alert(fault: Fault, rows: int, answered: int) -> None:
    metrics, alerts = run(shadowed(on_days({2, 3}, fault)))
    assert [one.verdict for one in metrics] == ["equal", "equal", "differs", "differs", "equal", "equal"]
    (alert,) = alerts
    assert (alert.rule, alert.session, alert.subject) == ("shadow_count_differs", PLAN.first + 2, "shadow/ridge:4/1d")
    assert alert.evidence | {"live_rows": 30, "live_answered": 30, "shadow_rows": rows} == alert.evidence
    assert (alert.evidence["shadow_answered"], alert.evidence["value"]) == (answered, answered - 30)
    assert (alert.onset, alert.window) == (alert.session * DAY, (alert.session * DAY, (alert.session + 1) * DAY))


def test_live_rows_that_only_a_fallback_answered_count_too() -> None:
    """The comparison is as incomplete if it is live that did not answer."""
    lanes = shadowed(untouched)
    for log in lanes.values():
        for place, message in enumerate(log):
            if isinstance(message, PredictionBatch) and message.role == "live":
                log[place] = silent(message)
    metrics, alerts = run(lanes)
    assert [one.value for one in metrics] == [30.0] * 6
    assert len(alerts) == 1


def test_each_spell_has_its_alert() -> None:
    _, alerts = run(shadowed(on_days({1, 2, 4}, silent)))
    assert [one.session - PLAN.first for one in alerts] == [1, 4]
    assert len({one.alert_id for one in alerts}) == 2


def test_a_shadow_without_a_live_model_is_not_judged() -> None:
    lanes = shadowed(untouched)
    alone = {
        lane: [one for one in log if not isinstance(one, PredictionBatch) or one.role == "shadow"]
        for lane, log in lanes.items()
    }
    assert run(alone) == ([], [])


@pytest.mark.parametrize("seed", range(4))
def test_interleaving_and_restarts_do_not_matter(seed: int) -> None:
    lanes = shadowed(on_days({1, 2, 4}, first_row_missing), split=True)
    assert run(lanes, seed, stop_every=5) == run(lanes)


def test_a_state_without_counts_of_shadows_is_read() -> None:
    """States of the release before: the counts begin with what comes next."""
    import msgpack

    config = DriftConfig(partitions=PLAN.partitions, policy=CLASSIC)
    old = msgpack.unpackb(snapshot(DriftMonitor(config)), strict_map_key=False)
    del old["shadows"]
    again = restore(config, msgpack.packb(old | {"version": 1}))
    assert again.shadows.snapshot() == {"days": [], "spells": []}
