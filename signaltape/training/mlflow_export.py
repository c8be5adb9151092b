"""Runs in the file format of MLflow's file store (one experiment a model): readable there, without MLflow here."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from infra.scoring.files import write_atomically
from infra.warehouse.training_runs import RecordedRun
from signaltape.training.errors import TrainingError

#: MLflow's numbers of a run's state.
_STATUS = {"running": 1, "finished": 3, "failed": 4, "lost": 5}
_LOCAL = 4


def export_runs(folder: Path, runs: Sequence[RecordedRun]) -> int:
    """Write ``runs`` below ``folder``, which must be new or empty; returns how many. Raises TrainingError."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise TrainingError(f"{folder} exists and is not empty: name a new folder")
    try:
        for name in dict.fromkeys(run.name for run in runs):
            place = folder / _experiment(name)
            _write(place / "meta.yaml", _yaml(_experiment_meta(name, place)))
        for run in runs:
            place = folder / _experiment(run.name) / run.run_id
            for path, text in _files(run, place):
                _write(place / path, text)
    except OSError as error:
        raise TrainingError(f"{error.filename or folder}: {error.strerror}; choose a folder to write") from error
    return len(runs)


def _files(run: RecordedRun, place: Path) -> Iterator[tuple[str, str]]:
    """(path within the run's folder, content)."""
    yield "meta.yaml", _yaml(_run_meta(run, place))
    for name, value in _parameters(run).items():
        yield f"params/{name}", str(value)
    at = _milliseconds(run.finished_at or run.started_at)
    for dataset, metrics in run.metrics.items():
        for name, value in metrics.items():
            yield f"metrics/{dataset}.{name}", f"{at} {value!r} 0\n"
    tags = {
        "mlflow.runName": run.run_id,
        "mlflow.source.git.commit": run.git_sha,
        "dataset_fingerprint": run.dataset_fingerprint,
        "version": "" if run.version is None else str(run.version),
        "reason": run.reason,
        "mlflow.parentRunId": run.parent,
    }
    for name, tag in tags.items():
        if tag:
            yield f"tags/{name}", tag


def _parameters(run: RecordedRun) -> Mapping[str, Any]:
    """Options by name, those of the family under `parameters.`."""
    found = {name: value for name, value in run.parameters.items() if not isinstance(value, Mapping)}
    chosen = run.parameters.get("parameters", {})
    return found | {f"parameters.{name}": value for name, value in chosen.items()}


def _run_meta(run: RecordedRun, place: Path) -> dict[str, Any]:
    return {
        "artifact_uri": (place / "artifacts").absolute().as_uri(),
        "end_time": None if run.finished_at is None else _milliseconds(run.finished_at),
        "entry_point_name": "",
        "experiment_id": _experiment(run.name),
        "lifecycle_stage": "active",
        "run_id": run.run_id,
        "run_name": run.run_id,
        "run_uuid": run.run_id,
        "source_name": "signaltape",
        "source_type": _LOCAL,
        "source_version": run.git_sha,
        "start_time": _milliseconds(run.started_at),
        "status": _STATUS[run.status],
        "tags": [],
        "user_id": run.worker,
    }


def _experiment_meta(name: str, place: Path) -> dict[str, Any]:
    return {
        "artifact_location": place.absolute().as_uri(),
        "creation_time": 0,
        "experiment_id": _experiment(name),
        "last_update_time": 0,
        "lifecycle_stage": "active",
        "name": name,
    }


def _experiment(name: str) -> str:
    """A number that belongs to a name."""
    return str(int(hashlib.sha256(name.encode()).hexdigest()[:12], 16))


def _yaml(values: Mapping[str, Any]) -> str:
    """One line a key; JSON's scalars are YAML's."""
    return "".join(f"{name}: {json.dumps(value)}\n" for name, value in values.items())


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text.encode())
