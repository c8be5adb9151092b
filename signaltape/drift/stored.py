"""Drift policies over what the drift agent has measured."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from infra.errors import OperatorError
from infra.settings import Settings
from infra.warehouse import connect
from infra.warehouse.drift_history import StoredMetric, stored_metrics
from infra.warehouse.drift_rounds import training_reference
from pipeline.drift.policies.finding import Policy
from pipeline.drift.simulation.replay import Alarm, replay
from pipeline.drift.stored_days import StoredDay, rebuilt


@dataclass(frozen=True, kw_only=True, slots=True)
class SeriesReplay:
    """One series under one policy: what it would have said over ``sessions`` sessions, ``first`` to ``last``."""

    policy: str
    subject: str
    sessions: int
    first: int
    last: int
    alarms: tuple[Alarm, ...]


def replay_history(settings: Settings, strategy: str, policies: Sequence[Policy]) -> tuple[SeriesReplay, ...]:
    """Replay every series of a strategy from its first stored session on, each under every policy."""
    with connect(settings) as connection:
        series = by_series(list(stored_metrics(connection, strategy)))
        if not series:
            raise OperatorError(f"no drift metrics of strategy {strategy!r} are stored; is the drift agent running?")
        models = {subject.split("/")[1] for subject in series}
        references = {model: training_reference(connection, *_model(model)) for model in models}
    found = []
    for subject, days in series.items():
        reference = references[subject.split("/")[1]]
        sessions = rebuilt(reference, days, minimum=settings.drift.minimum_names)
        found += [
            SeriesReplay(
                policy=policy.name, subject=subject, sessions=len(sessions), first=sessions[0].session,
                last=sessions[-1].session, alarms=replay(policy, reference, sessions).alarms,
            )
            for policy in policies
        ]  # fmt: skip
    return tuple(found)


def _model(text: str) -> tuple[str, int]:
    name, _, version = text.rpartition(":")
    return name, int(version)


def by_series(rows: Sequence[StoredMetric]) -> dict[str, dict[int, StoredDay]]:
    """Rows by series and session; features go to every series of their model on their interval."""
    series: dict[str, dict[int, StoredDay]] = {}
    for row in rows:
        if row.subject.startswith("score/"):
            _own(series.setdefault(row.subject, {}).setdefault(row.session, StoredDay()), row)
    for row in rows:
        if row.metric != "feature_psi" or row.value is None:
            continue
        _, model, _, interval, name = row.subject.split("/", 4)
        for subject, days in series.items():
            if subject.split("/")[1:3] == [model, interval] and row.session in days:
                days[row.session].features[name] = (row.value, row.detail)
    return series


def _own(day: StoredDay, row: StoredMetric) -> None:
    if row.value is not None:
        day.values[row.metric] = row.value
    if row.metric == "psi":
        day.predicted = row.sample_size > 0
        counts = row.detail.get("counts")
        day.scores = None if counts is None or row.value is None else np.array(counts, np.int64)
