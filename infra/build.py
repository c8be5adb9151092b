"""Which build of the source is running."""

import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path


@cache
def build_version() -> str:
    """The commit of the source tree, or where there is none the package's version."""
    return git_sha() or f"signaltape {metadata.version('signaltape')}"


def git_sha() -> str:
    """Commit of the source tree, with ``+changes`` if it differs from it; empty outside a repository."""
    folder = Path(__file__).parent
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        return commit + ("+changes" if _git(folder, "status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.SubprocessError):
        return ""


def has_commit(sha: str) -> bool:
    """Whether the source tree's repository has this commit. Raises OSError or SubprocessError outside a repository."""
    folder = Path(__file__).parent
    _git(folder, "rev-parse", "HEAD")
    asked = ["git", "-C", str(folder), "cat-file", "-e", f"{sha}^{{commit}}"]
    return subprocess.run(asked, capture_output=True, check=False, timeout=10).returncode == 0


def _git(folder: Path, *arguments: str) -> str:
    run = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True, timeout=10)
    return run.stdout.strip()
