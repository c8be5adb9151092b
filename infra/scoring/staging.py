"""Model folders on their way into the registry."""

from pathlib import Path

from infra.scoring.errors import ModelRefused
from infra.scoring.files import sha256_of, write_atomically
from infra.scoring.manifest import ModelManifest
from infra.warehouse.models import ModelArtifact

MANIFEST_FILE = "manifest.json"


def read_file(file: Path) -> bytes:
    """Contents of a file. Raises ModelRefused if it can't be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise ModelRefused(f"{file}: cannot be read ({error.strerror})") from error


def stage(folder: Path, staged: Path, manifest: ModelManifest) -> None:
    """Copy every file of ``folder`` but its manifest: the registry writes that itself."""
    for needed in (manifest.onnx_file, manifest.golden_file):
        if not (folder / needed).is_file():
            raise ModelRefused(f"{folder / needed}: no such file, but the manifest names it")
    staged.mkdir(parents=True)
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name != MANIFEST_FILE:
            write_atomically(staged / path.name, path.read_bytes())


def artifacts_in(staged: Path, manifest: ModelManifest) -> list[ModelArtifact]:
    """What is in the staging folder; a file's kind is its role or, if it has none, its name."""
    roles = {manifest.onnx_file: "onnx", manifest.golden_file: "golden", MANIFEST_FILE: "manifest"}
    found = []
    for path in sorted(staged.iterdir()):
        data = path.read_bytes()
        place = f"{manifest.name}/{manifest.version}/{path.name}"
        kind = roles.get(path.name, path.name)
        found.append(ModelArtifact(kind=kind, path=place, sha256=sha256_of(data), size=len(data)))
    return found


def highest_folder(folder: Path) -> int:
    """Highest version that has a folder, with or without rows; 0 if none."""
    if not folder.is_dir():
        return 0
    return max((int(path.name) for path in folder.iterdir() if path.name.isdecimal()), default=0)
