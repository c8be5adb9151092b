"""TimescaleDB for the wheel's Postgres: source from the distribution's archive, compiled with this machine's tools.

No wheel carries the extension. Debian's source archive does; it is read with an apt configuration of our own (own
list, own state and cache), so that nothing of the system changes and no root is needed. The tarball is held to a
committed SHA-256. The Apache edition is built: hypertables and their functions, no compression and no policies.
"""

import json
import os
import shutil
import tarfile
from pathlib import Path

from infra.stack.apt_archive import KEYRINGS, AptArchive, distribution, mirror, run_step
from infra.stack.errors import StackError
from infra.stack.jars import Progress, sha256_of

VERSION = "2.19.3"
SOURCE_SHA256 = "09fd11191768c220b071f61a108df9bd1df5522fbe4e7c2229f30f69b195454a"
_SOURCE = "timescaledb"
_WHAT = "timescaledb"
# Which suite holds this source, by the machine's distribution (its own mirror is asked).
_SUITES = {"debian": ("trixie", "main"), "ubuntu": ("plucky", "universe")}
_TOOLS = {"apt-get": "apt", "gcc": "gcc", "cmake": "cmake", "make": "make", "bash": "bash"}
_OPTIONS = (
    "-DAPACHE_ONLY=1",
    "-DUSE_TELEMETRY=OFF",
    "-DREGRESS_CHECKS=OFF",
    "-DTAP_CHECKS=OFF",
    "-DWARNINGS_AS_ERRORS=OFF",
    "-DUSE_OPENSSL=0",
    "-DCMAKE_BUILD_TYPE=Release",
)


def missing_tools() -> str | None:
    """None if this machine can build the extension, else a sentence that says what to install."""
    missing = [package for tool, package in _TOOLS.items() if shutil.which(tool) is None]
    if "apt" in missing:
        return "its source comes from Debian's archive through apt-get, which this machine does not have"
    if not missing and not Path("/usr/include/stdio.h").exists():
        missing = ["libc6-dev"]
    if missing:
        return f"it has to be compiled; run: apt-get install {' '.join(missing)} libc6-dev"
    return None


def build_extension(postgres_root: Path, work: Path, log: Path, progress: Progress) -> None:
    """Fetch, compile and install TimescaleDB into the Postgres installation at `postgres_root`.

    `work` is an empty scratch folder. Raises StackError with the step that failed; its output is in `log`.
    """
    progress(f"building TimescaleDB {VERSION} from source (about 20 s)")
    tarball = _fetch_source(work, log)
    with tarfile.open(tarball) as archive:
        if hasattr(tarfile, "data_filter"):  # Python 3.11.4; Debian 12 has 3.11.2
            archive.extraction_filter = tarfile.data_filter
        archive.extractall(work)
    source = next(path for path in work.iterdir() if path.is_dir() and path.name.startswith(f"{_SOURCE}-"))
    environment = {key: os.environ[key] for key in ("PATH", "HOME", "TMPDIR") if key in os.environ}
    pg_config = postgres_root / "bin" / "pg_config"
    run_step(_WHAT, ["bash", "./bootstrap", f"-DPG_CONFIG={pg_config}", *_OPTIONS], source, environment, log)
    run_step(_WHAT, ["make", "-C", "build", f"-j{os.cpu_count() or 1}", "install"], source, environment, log)


def _fetch_source(work: Path, log: Path) -> Path:
    """Download the source package from the machine's own mirror; its tarball, checked."""
    name = distribution(_WHAT)
    suite, component = _SUITES[name]
    keyring = KEYRINGS[name]
    signed = f"[signed-by={keyring}] " if keyring.exists() else ""
    archive = AptArchive(_WHAT, work, log, f"deb-src {signed}{mirror(_WHAT, name)} {suite} {component}")
    archive.update()
    archive.source(_SOURCE)
    tarballs = sorted(work.glob(f"{_SOURCE}_*.orig.tar.*"))
    for tarball in tarballs:
        if sha256_of(tarball) == SOURCE_SHA256:
            return tarball
    names = ", ".join(path.name for path in tarballs) or "no tarball"
    raise StackError(_WHAT, f"{suite} offers {names}, not the source of {VERSION} that is known here", log)


def write_refusal(path: Path, reason: str) -> None:
    """Remember why a build failed, so that not every start tries it again."""
    path.write_text(json.dumps({"version": VERSION, "reason": reason}))


def read_refusal(path: Path) -> str | None:
    """Why the last build of this version failed; None if none did."""
    try:
        written = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return str(written["reason"]) if written.get("version") == VERSION else None
