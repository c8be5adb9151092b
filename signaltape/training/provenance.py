"""What a model was made with."""

import subprocess
from importlib import metadata
from pathlib import Path

_LIBRARIES = ("numpy", "scikit-learn", "lightgbm", "onnx", "onnxruntime", "signaltape")


def git_sha() -> str:
    """Commit of the source tree, with ``+changes`` if it differs from it; empty outside a repository."""
    folder = Path(__file__).parent
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        return commit + ("+changes" if _git(folder, "status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.SubprocessError):
        return ""


def _git(folder: Path, *arguments: str) -> str:
    run = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True, timeout=10)
    return run.stdout.strip()


def library_versions() -> dict[str, str]:
    """Versions of the libraries that decide a model's bytes."""
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found
