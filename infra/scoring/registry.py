"""The model registry: rows in the warehouse, files under the artifact folder, checked at each load."""

import math
import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import psycopg

from infra.scoring.errors import ArtifactChanged, ModelRefused, UnknownModel
from infra.scoring.files import publish_folder, read_artifact, remove_folder, sha256_of, write_atomically
from infra.scoring.manifest import ModelManifest, from_document
from infra.scoring.scorer import Scorer
from infra.scoring.staging import MANIFEST_FILE, artifacts_in, highest_folder, read_file, stage
from infra.settings import Settings
from infra.warehouse import models
from infra.warehouse.connection import Connection, Warehouse
from infra.warehouse.models import ModelArtifact, ModelMetric, ModelRow, TrainingRun
from pipeline.deployments import ModelRef

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True, slots=True)
class RegisteredModel:
    """One version with all that is known of it."""

    manifest: ModelManifest
    created_at: datetime
    artifacts: tuple[ModelArtifact, ...]
    metrics: tuple[ModelMetric, ...]
    runs: tuple[TrainingRun, ...]


class ModelRegistry:
    """Models by name and version. Every call opens and closes its own connection.

    Raises UnknownModel, ArtifactChanged and other ModelRefused; WarehouseUnavailable while Postgres is away.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.artifacts = settings.artifacts

    def register(
        self,
        folder: Path,
        manifest: ModelManifest,
        metrics: Sequence[ModelMetric] = (),
        run: TrainingRun | None = None,
    ) -> int:
        """Copy a model's files in and return the version that it got.

        1. All files of ``folder`` are copied to a staging folder. 2. The copy is loaded as a serving host would load
        it: checksums, graph, golden vectors. 3. In one transaction: the next version, the manifest with that
        version, the folder's final name, the rows. A crash before the commit leaves at most a folder whose number
        is never used again.
        """
        _check_metrics(metrics)
        staged = self.artifacts / f".staging-{os.getpid()}-{secrets.token_hex(4)}"
        try:
            stage(folder, staged, manifest)  # 1.
            Scorer.load(staged / manifest.onnx_file, manifest.sha256, manifest)  # 2.
            return self._run(lambda connection: self._publish(connection, staged, manifest, metrics, run))  # 3.
        except OSError as error:
            raise ModelRefused(
                f"{error.filename or self.artifacts}: {error.strerror}; is it readable, is the folder "
                f"{self.artifacts} writable, is there space?"
            ) from error
        finally:
            remove_folder(staged)

    def get(self, name: str, version: int | None = None) -> ModelManifest:
        """Manifest of a version, by default the newest."""
        return self._run(lambda connection: from_document(self._row(connection, name, version).manifest, name))

    def load(self, name: str, version: int | None = None) -> tuple[ModelManifest, Scorer]:
        """Check every file of a version against its registered SHA-256, load the model, check its golden vectors."""
        found = self.get_model(name, version)
        for one in found.artifacts:
            read_artifact(self.artifacts, one.path, one.sha256)
        registered = {one.kind: one for one in found.artifacts}
        onnx, golden = registered.get("onnx"), registered.get("golden")
        manifest = found.manifest
        if onnx is None or golden is None or (onnx.sha256, golden.sha256) != (manifest.sha256, manifest.golden_sha256):
            raise ArtifactChanged(
                f"model {manifest.ref}: its manifest and the table model_artifacts name different files; one of them "
                "was changed by hand. Register the model again as a new version"
            )
        return manifest, Scorer.load(self.artifacts / onnx.path, onnx.sha256, manifest)

    def get_model(self, name: str, version: int | None = None) -> RegisteredModel:
        """All that is known of a version, by default the newest; files are not touched."""

        def read(connection: Connection) -> RegisteredModel:
            row = self._row(connection, name, version)
            return RegisteredModel(
                manifest=from_document(row.manifest, f"manifest of {row.name}:{row.version}"),
                created_at=row.created_at,
                artifacts=tuple(models.artifacts_of(connection, row.name, row.version)),
                metrics=tuple(models.metrics_of(connection, row.name, row.version)),
                runs=tuple(models.runs_of(connection, row.name, row.version)),
            )

        return self._run(read)

    def rows(self, *, removed: bool = False) -> list[ModelRow]:
        """All versions of all models, by name and version; removed ones only if asked for."""
        return [row for row in self._run(models.list_models) if removed or row.removed_at is None]

    def get_best_model(
        self, strategy_type: str, metric: str, dataset: str = "test", higher_is_better: bool = True
    ) -> tuple[RegisteredModel, float]:
        """The version of a strategy type with the best newest value of ``metric`` on ``dataset``, and that value.

        ``higher_is_better`` must be what the metric was recorded with: the other end would be the worst. Ties go to the
        newer version; removed ones don't count. Raises UnknownModel naming what there is, ModelRefused.
        """

        def find(connection: Connection) -> tuple[ModelRef, float]:
            known = models.known_metrics(connection, strategy_type)
            if (dataset, metric) not in known:
                listed = ", ".join(f"{one} on {where}" for where, one in known) or "none"
                raise UnknownModel(
                    f"no model of strategy type {strategy_type!r} has the metric {metric} on {dataset}; "
                    f"there are: {listed}"
                )
            if higher_is_better != known[dataset, metric]:
                word = "lower" if higher_is_better else "higher"
                raise ModelRefused(f"{metric} on {dataset} was recorded as a metric of which {word} is better")
            return models.best_models(connection, strategy_type, metric, dataset, higher_is_better=higher_is_better)[0]

        ref, value = self._run(find)
        return self.get_model(ref.name, ref.version), value

    def log_metrics(self, name: str, version: int, metrics: Sequence[ModelMetric]) -> None:
        """Append metrics of a version; the newest value of a metric counts, older ones stay. Raises ModelRefused."""
        _check_metrics(metrics)

        def add(connection: Connection) -> None:
            self._row(connection, name, version)
            models.insert_metrics(connection, name, version, metrics)

        self._run(add)

    def log_artifact(self, name: str, version: int, file: Path, kind: str = "") -> ModelArtifact:
        """Keep a copy of ``file`` beside a version's others; ``kind`` is by default its name.

        1. The version is locked. 2. The file is written beside the others. 3. Its row. A death in between leaves a file
        without a row, which the next call writes anew. Other content under a kind is refused: files never change.
        """
        data = read_file(file)
        made = ModelArtifact(
            kind=kind or file.name, path=f"{name}/{version}/{file.name}", sha256=sha256_of(data), size=len(data)
        )

        def add(connection: Connection) -> ModelArtifact:
            models.lock_name(connection, name)  # 1.
            self._row(connection, name, version)
            for one in models.artifacts_of(connection, name, version):
                if made == one:
                    return one
                if made.kind == one.kind or made.path == one.path:
                    raise ModelRefused(
                        f"model {name}:{version} has another file {one.path} of kind {one.kind} already: a version's "
                        "files never change; give the file another name and kind"
                    )
            write_atomically(self.artifacts / made.path, data)  # 2.
            models.insert_artifact(connection, ModelRef(name=name, version=version), made)  # 3.
            return made

        return self._run(add)

    def remove(self, name: str, version: int, by: str, reason: str) -> None:
        """Take a version out: no call finds it any more, its number is never used again.

        1. Its row says that it was removed; metrics, runs and lineage stay. 2. Its files go. A death in between leaves
        files that a second call removes. Whether it may go is the caller's to know.
        """

        def mark(connection: Connection) -> None:
            models.lock_name(connection, name)
            row = models.find_model(connection, name, version)
            if row is None or row.removed_at is None:
                self._row(connection, name, version)
                models.mark_removed(connection, ModelRef(name=name, version=version), by, reason)

        self._run(mark)  # 1.
        remove_folder(self.folder(name, version))  # 2.

    def folder(self, name: str, version: int) -> Path:
        """Where the files of a version lie."""
        return self.artifacts / name / str(version)

    def _publish(
        self,
        connection: Connection,
        staged: Path,
        manifest: ModelManifest,
        metrics: Sequence[ModelMetric],
        run: TrainingRun | None,
    ) -> int:
        name = manifest.name
        version = models.next_version(connection, name, highest_folder(self.artifacts / name))
        numbered = replace(manifest, version=version)
        write_atomically(staged / MANIFEST_FILE, numbered.to_json().encode())
        files = artifacts_in(staged, numbered)
        publish_folder(staged, self.folder(name, version))
        row = ModelRow(name=name, version=version, manifest=numbered.document(), created_at=datetime.now(UTC))
        models.insert_model(connection, row, files)
        models.insert_metrics(connection, name, version, metrics)
        if run is not None:
            models.insert_run(connection, name, version, run)
        return version

    def _row(self, connection: Connection, name: str, version: int | None) -> ModelRow:
        known = models.newest_versions(connection)
        if name not in known:
            names = ", ".join(known) or "none"
            raise UnknownModel(f"no model {name!r} is registered (registered: {names}); `signaltape train` makes one")
        if version is None and not known[name]:
            raise UnknownModel(f"every version of model {name!r} was removed; see `signaltape models list --removed`")
        row = models.find_model(connection, name, known[name] if version is None else version)
        if row is None:
            raise UnknownModel(
                f"model {name!r} has no version {version}, its newest is {known[name]}; see `signaltape models list`"
            )
        if row.removed_at is not None:
            raise UnknownModel(
                f"model {name}:{row.version} was removed on {row.removed_at:%Y-%m-%d %H:%M} by {row.removed_by}: "
                f"{row.removed_reason}"
            )
        return row

    def _run(self, work: Callable[[Connection], Result]) -> Result:
        with Warehouse(self._settings, "signaltape-models") as warehouse:
            try:
                return warehouse.run(work)
            except psycopg.errors.UndefinedTable as error:
                raise ModelRefused("the registry's tables do not exist yet; run `signaltape init` first") from error


def _check_metrics(metrics: Sequence[ModelMetric]) -> None:
    for one in metrics:
        if not math.isfinite(one.value):
            raise ModelRefused(f"metric {one.metric} on {one.dataset} is {one.value}; leave out what isn't known")
