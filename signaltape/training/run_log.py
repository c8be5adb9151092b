"""Where training runs are recorded: before they begin, and how they ended."""

import os
import secrets
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from infra.build import git_sha
from infra.errors import OperatorError
from infra.settings import Settings
from infra.warehouse.connection import Warehouse
from infra.warehouse.models import ModelMetric, TrainingRun
from infra.warehouse.training_runs import (
    Metrics,
    RecordedRun,
    RunEnd,
    RunStart,
    begin_run,
    fail_run,
    finish_run,
    recorded_runs,
)
from signaltape.training.options import TrainOptions

_APPLICATION = "signaltape-runs"


class RunLog(Protocol):
    """What training needs of it."""

    def begin(self, options: TrainOptions, parent: str = "") -> str:
        """A run begins; returns its id."""
        ...

    def finish(self, name: str, run: TrainingRun) -> None:
        """It ended without making a version: a candidate of a search. `ModelRegistry.register` finishes the others."""
        ...

    def fail(self, run_id: str, reason: str) -> None:
        """It ended without a model."""
        ...


class NoRunLog:
    """Records nothing: for models that aren't registered."""

    def begin(self, options: TrainOptions, parent: str = "") -> str:
        """See `RunLog`."""
        return f"{options.name}-{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"

    def finish(self, name: str, run: TrainingRun) -> None:
        """See `RunLog`."""

    def fail(self, run_id: str, reason: str) -> None:
        """See `RunLog`."""


class WarehouseRunLog(NoRunLog):
    """Rows of the table ``model_training_runs``. Raises WarehouseUnavailable while Postgres is away."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def begin(self, options: TrainOptions, parent: str = "") -> str:
        """See `RunLog`."""
        run_id = super().begin(options)
        start = RunStart(
            run_id=run_id,
            name=options.name,
            parameters=options.document(),
            git_sha=git_sha(),
            started_at=datetime.now(UTC),
            parent=parent,
            worker=_worker(),
        )
        with Warehouse(self._settings, _APPLICATION) as warehouse:
            warehouse.run(lambda connection: begin_run(connection, start))
        return run_id

    def finish(self, name: str, run: TrainingRun) -> None:
        """See `RunLog`."""
        end = RunEnd(
            name=name,
            version=None,
            run_id=run.run_id,
            parameters=run.parameters,
            data_from=run.data_from,
            data_to=run.data_to,
            git_sha=run.git_sha,
            dataset_fingerprint=run.dataset_fingerprint,
            metrics=run.metrics,
            started_at=run.started_at,
            finished_at=run.finished_at,
        )
        with Warehouse(self._settings, _APPLICATION) as warehouse:
            warehouse.run(lambda connection: finish_run(connection, end))

    def fail(self, run_id: str, reason: str) -> None:
        """See `RunLog`."""
        with Warehouse(self._settings, _APPLICATION) as warehouse:
            warehouse.run(lambda connection: fail_run(connection, run_id, reason))

    def runs(self, name: str = "") -> list[RecordedRun]:
        """Runs of a name, or all, oldest first; one whose process is gone is ``lost``, not running."""
        with Warehouse(self._settings, _APPLICATION) as warehouse:
            found = warehouse.run(lambda connection: recorded_runs(connection, name))
        return [replace(one, status="lost") if _is_lost(one) else one for one in found]


@contextmanager
def recorded(log: RunLog, options: TrainOptions, parent: str = "") -> Iterator[str]:
    """Record a run; yields its id. An exception, Ctrl-C too, marks it failed and goes on."""
    run_id = log.begin(options, parent)
    try:
        yield run_id
    except BaseException as error:
        with suppress(OperatorError):  # Postgres away: what is told is why the training ended
            log.fail(run_id, str(error) or type(error).__name__)
        raise


def metrics_by_dataset(metrics: Sequence[ModelMetric]) -> Metrics:
    """{data set: {metric: value}}."""
    found: dict[str, dict[str, float]] = {}
    for one in metrics:
        found.setdefault(one.dataset, {})[one.metric] = one.value
    return found


def _worker() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def _is_lost(run: RecordedRun) -> bool:
    """Whether it ran on this host, in a process that isn't there any more."""
    host, _, pid = run.worker.rpartition(":")
    if run.status != "running" or host != socket.gethostname():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False
