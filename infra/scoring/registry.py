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
from infra.scoring.files import publish_folder, read_checked, remove_folder, sha256_of, write_atomically
from infra.scoring.manifest import ModelManifest, from_document
from infra.scoring.scorer import Scorer
from infra.settings import Settings
from infra.warehouse import models
from infra.warehouse.connection import Connection, Warehouse
from infra.warehouse.models import ModelArtifact, ModelMetric, ModelRow, TrainingRun

MANIFEST_FILE = "manifest.json"
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
            _stage(folder, staged, manifest)  # 1.
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
        found = self.details(name, version)
        for one in found.artifacts:
            read_checked(self.artifacts / one.path, one.sha256)
        registered = {one.kind: one for one in found.artifacts}
        onnx, golden = registered.get("onnx"), registered.get("golden")
        manifest = found.manifest
        if onnx is None or golden is None or (onnx.sha256, golden.sha256) != (manifest.sha256, manifest.golden_sha256):
            raise ArtifactChanged(
                f"model {manifest.ref}: its manifest and the table model_artifacts name different files; one of them "
                "was changed by hand. Register the model again as a new version"
            )
        return manifest, Scorer.load(self.artifacts / onnx.path, onnx.sha256, manifest)

    def details(self, name: str, version: int | None = None) -> RegisteredModel:
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

    def rows(self) -> list[ModelRow]:
        """All versions of all models, by name and version."""
        return self._run(models.list_models)

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
        version = models.next_version(connection, name, _highest_folder(self.artifacts / name))
        numbered = replace(manifest, version=version)
        write_atomically(staged / MANIFEST_FILE, numbered.to_json().encode())
        files = _artifacts(staged, numbered)
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
        row = models.find_model(connection, name, known[name] if version is None else version)
        if row is None:
            raise UnknownModel(
                f"model {name!r} has no version {version}, its newest is {known[name]}; see `signaltape models list`"
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


def _stage(folder: Path, staged: Path, manifest: ModelManifest) -> None:
    """Copy every file of ``folder`` but its manifest: the registry writes that itself."""
    for needed in (manifest.onnx_file, manifest.golden_file):
        if not (folder / needed).is_file():
            raise ModelRefused(f"{folder / needed}: no such file, but the manifest names it")
    staged.mkdir(parents=True)
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name != MANIFEST_FILE:
            write_atomically(staged / path.name, path.read_bytes())


def _artifacts(staged: Path, manifest: ModelManifest) -> list[ModelArtifact]:
    """What is in the staging folder; a file's kind is its role or, if it has none, its name."""
    roles = {manifest.onnx_file: "onnx", manifest.golden_file: "golden", MANIFEST_FILE: "manifest"}
    found = []
    for path in sorted(staged.iterdir()):
        data = path.read_bytes()
        place = f"{manifest.name}/{manifest.version}/{path.name}"
        kind = roles.get(path.name, path.name)
        found.append(ModelArtifact(kind=kind, path=place, sha256=sha256_of(data), size=len(data)))
    return found


def _highest_folder(folder: Path) -> int:
    """Highest version that has a folder, with or without rows; 0 if none."""
    if not folder.is_dir():
        return 0
    return max((int(path.name) for path in folder.iterdir() if path.name.isdecimal()), default=0)
