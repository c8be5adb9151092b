"""Models for a replay: copies of rows and files, so that nothing it does can reach the live registry."""

from infra.errors import OperatorError
from infra.scoring.files import read_artifact
from infra.scoring.registry import ModelRegistry, RegisteredModel
from infra.settings import Settings
from infra.warehouse import models
from infra.warehouse.connection import Connection, Warehouse
from infra.warehouse.models import ModelRow
from pipeline.deployments import ModelRef
from signaltape.replay.errors import ReplayRefused


class ModelShelf:
    """Puts versions of the live registry into the replay's, each once."""

    def __init__(self, live: Settings, own: Settings) -> None:
        self._registry = ModelRegistry(live)
        self._own = own
        self._there: set[ModelRef] = set()

    def find(self, name: str, version: int | None) -> RegisteredModel:
        """A version of the live registry, the newest for None. Raises ``ReplayRefused``."""
        try:
            return self._registry.get_model(name, version)
        except OperatorError as error:
            raise ReplayRefused(
                f"a model that the replay needs can't be had: {error}. Give --model NAME:VERSION to replay with another"
            ) from error

    def choose(self, name: str, version: int | None) -> ModelRef:
        """A version, the newest for None, that can predict from what is computed here. Raises ``ReplayRefused``.

        It is loaded once as an agent would: its files, its golden vectors and its feature set are looked at.
        """
        manifest = self.find(name, version).manifest
        try:
            self._registry.load(manifest.name, manifest.version)
        except OperatorError as error:
            raise ReplayRefused(f"model {manifest.ref} can't be loaded: {error}") from error
        if manifest.feature_set not in self._own.engine.feature_sets:
            raise ReplayRefused(
                f"model {manifest.ref} predicts from feature set {manifest.feature_set}, and the setting "
                f"engine.feature_sets has {', '.join(self._own.engine.feature_sets)}: it would never be asked"
            )
        return ModelRef(name=manifest.name, version=manifest.version)

    def put(self, ref: ModelRef) -> None:
        """Copy a version, checked against its SHA-256. Raises ``ReplayRefused``, ``ArtifactChanged``.

        1. The files, 2. one transaction with the rows: what the registry of the replay names is there.
        """
        if ref in self._there:
            return
        found = self.find(ref.name, ref.version)
        for one in found.artifacts:  # 1.
            content = read_artifact(self._registry.artifacts, one.path, one.sha256)
            path = self._own.artifacts / one.path  # within, as it was over there
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        row = ModelRow(
            name=ref.name, version=ref.version, manifest=found.manifest.document(), created_at=found.created_at
        )

        def add(connection: Connection) -> None:
            models.insert_model(connection, row, found.artifacts)
            models.insert_metrics(connection, ref.name, ref.version, found.metrics)

        with Warehouse(self._own, "signaltape-replay") as warehouse:  # 2.
            warehouse.run(add)
        self._there.add(ref)
