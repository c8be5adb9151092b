"""What every stage works with, and what one leaves for the next."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from infra.scoring.manifest import ModelManifest, from_json
from infra.scoring.staging import MANIFEST_FILE, read_file
from infra.settings import Settings
from infra.warehouse.models import ModelMetric, TrainingRun
from pipeline.deployments import ModelRef
from signaltape.datasets import CheckedDataset, open_dataset
from signaltape.model_pipeline.errors import PipelineStopped
from signaltape.model_pipeline.folder import RunFolder, StageReport
from signaltape.model_pipeline.plan import Plan
from signaltape.training import Trained


@dataclass(kw_only=True)
class Stand:
    """One run in this process. ``reports``: those of the stages before, by name. ``say`` is told what begins."""

    settings: Settings
    plan: Plan
    folder: RunFolder
    reports: dict[str, StageReport]
    say: Callable[[str], None]

    @cached_property
    def dataset(self) -> CheckedDataset:
        """The dataset, read and compared with its fingerprint, and with what the first stage saw."""
        found = open_dataset(Path(self.plan.dataset))
        before = self.reports.get("validate")
        if before is not None and before.detail["fingerprint"] != found.manifest.fingerprint:
            raise PipelineStopped(
                f"{self.plan.dataset} has another fingerprint than when this run began: start a new run"
            )
        return found

    @property
    def manifest(self) -> ModelManifest:
        """Manifest of the model that was trained."""
        path = self.folder.model / MANIFEST_FILE
        return from_json(read_file(path).decode(), str(path))

    @property
    def registered(self) -> ModelRef:
        """The version that the model got."""
        detail = self.reports["register"].detail
        return ModelRef(name=detail["name"], version=detail["version"])

    def keep_trained(self, trained: Trained) -> None:
        """What `register` needs beside the model's files."""
        run = asdict(trained.run)
        for name in ("started_at", "finished_at"):
            run[name] = run[name].isoformat()
        document = {"metrics": [asdict(one) for one in trained.metrics], "run": run}
        self.folder.write(self.folder.trained.name, (json.dumps(document, allow_nan=False) + "\n").encode())

    def trained(self) -> tuple[tuple[ModelMetric, ...], TrainingRun]:
        """The metrics and the run that were kept."""
        document: Mapping[str, Any] = json.loads(read_file(self.folder.trained))
        times = {name: datetime.fromisoformat(document["run"][name]) for name in ("started_at", "finished_at")}
        run = TrainingRun(**{**document["run"], **times})
        return tuple(ModelMetric(**one) for one in document["metrics"]), run
