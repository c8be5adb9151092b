"""One trained model in a folder, where there is no registry: a script, a file's backtest."""

from dataclasses import replace
from pathlib import Path

from infra.scoring.errors import UnknownModel
from infra.scoring.manifest import ModelManifest, from_json
from infra.scoring.scorer import Scorer
from infra.scoring.staging import MANIFEST_FILE


class FolderRegistry:
    """The model of ``folder`` (manifest, ONNX file, golden vectors), its files checked at each load.

    A model that was never registered has version 1 here. Raises UnknownModel where the folder holds none.
    """

    def __init__(self, folder: Path) -> None:
        try:
            text = (folder / MANIFEST_FILE).read_text()
        except OSError as error:
            raise UnknownModel(f"{folder}: no model there ({MANIFEST_FILE}: {error.strerror})") from error
        manifest = from_json(text, str(folder / MANIFEST_FILE))
        self._folder = folder
        self.manifest = replace(manifest, version=max(1, manifest.version))

    def load(self, name: str, version: int) -> tuple[ModelManifest, Scorer]:
        """Return the model. Raises UnknownModel for another one, and what ``Scorer.load`` raises."""
        if (name, version) != (self.manifest.name, self.manifest.version):
            raise UnknownModel(f"{self._folder} holds {self.manifest.ref}, not {name}:{version}")
        path = self._folder / self.manifest.onnx_file
        return self.manifest, Scorer.load(path, self.manifest.sha256, self.manifest)
