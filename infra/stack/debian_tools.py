"""Programs out of Debian's archive, unpacked into the cache and run from there; nothing is installed.

A program brings the libraries that this machine lacks, as apt resolves them against what is installed here.
"""

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from infra.stack.apt_archive import AptArchive, code_name, missing_apt, run_step
from infra.stack.artifacts import build_once, exclusive
from infra.stack.errors import StackError
from infra.stack.jars import Progress

_START_S = 30.0


@dataclass(frozen=True, kw_only=True)
class DebianTool:
    """A program of the archive. packages: the first one names the version. program: its place below the prefix."""

    name: str
    packages: tuple[str, ...]
    program: str


PROMETHEUS = DebianTool(name="prometheus", packages=("prometheus",), program="usr/bin/prometheus")
CHROMIUM = DebianTool(name="chromium", packages=("chromium", "fonts-dejavu-core"), program="usr/lib/chromium/chromium")

# Paths are relative to the file (fontconfig 2.13.93 and later), so that the folder can be moved once it is complete.
_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">usr/share/fonts</dir>
  <dir>/usr/share/fonts/truetype/dejavu</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
  <alias><family>serif</family><prefer><family>DejaVu Serif</family></prefer></alias>
  <alias><family>sans-serif</family><prefer><family>DejaVu Sans</family></prefer></alias>
  <alias><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
</fontconfig>
"""


def unpacked(tool: DebianTool, cache: Path, progress: Progress) -> Path:
    """The folder below `cache` that holds the tool; fetched if it is not there, or does not start here any more.

    `run` in it starts the program with its own libraries and fonts. The folder's name has suite and version; to take
    a newer version, remove it. Two processes at once fetch once. Raises StackError with the reason.
    """
    if (reason := missing_apt()) is not None:
        raise StackError(tool.name, f"it comes from Debian's archive, and {reason}")
    suite = code_name(tool.name)
    with exclusive(cache / f".{tool.name}.lock"):
        for found in sorted(cache.glob(f"{tool.name}-{suite}-*"), key=lambda path: path.stat().st_mtime, reverse=True):
            if _starts(found / "run"):
                return found
            shutil.rmtree(found)
        return _fetch(tool, suite, cache, progress)


def _fetch(tool: DebianTool, suite: str, cache: Path, progress: Progress) -> Path:
    log = cache / f"{tool.name}-fetch.log"
    log.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="signaltape-apt-") as work:
        archive = AptArchive(tool.name, Path(work), log)
        archive.update()
        version = archive.candidate(tool.packages[0])
        progress(f"fetching {tool.name} {version} from Debian's archive")

        def build(folder: Path) -> None:
            for package in archive.packages(tool.packages):
                run_step(tool.name, ["dpkg-deb", "-x", str(package), str(folder)], folder, os.environ, log)
            if not (folder / tool.program).is_file():
                raise StackError(tool.name, f"the package of {suite} has no {tool.program}", log)
            _write_start(folder, tool.program)
            if not _starts(folder / "run"):
                raise StackError(tool.name, f"version {version} does not start on this machine", log)

        return build_once(cache / f"{tool.name}-{suite}-{version.replace(':', '_')}", build)


def _write_start(folder: Path, place: str) -> None:
    """Write `run`, which finds everything from where it lies itself."""
    libraries = sorted({path.parent.relative_to(folder) for path in folder.glob("**/lib/**/*.so*")})
    search = ":".join(f"$here/{one}" for one in libraries if "chromium" not in one.parts)
    (folder / "fonts.conf").write_text(_FONTS)
    (folder / "run").write_text(
        '#!/bin/sh\nhere=$(CDPATH="" cd -- "$(dirname -- "$0")" && pwd)\n'
        f'export LD_LIBRARY_PATH="{search}" FONTCONFIG_FILE="$here/fonts.conf"\n'
        f'exec "$here/{place}" "$@"\n'
    )
    (folder / "run").chmod(0o755)
    folder.chmod(0o755)


def _starts(path: Path) -> bool:
    try:
        asked = subprocess.run([path, "--version"], capture_output=True, check=False, timeout=_START_S)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0
