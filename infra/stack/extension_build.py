"""TimescaleDB for the wheel's Postgres: source from the distribution's archive, compiled with this machine's tools.

No wheel carries the extension. Debian's source archive does; it is read with an apt configuration of our own (own
list, own state and cache), so that nothing of the system changes and no root is needed. The tarball is held to a
committed SHA-256. The Apache edition is built: hypertables and their functions, no compression and no policies.
"""

import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

from infra.stack.errors import StackError
from infra.stack.jars import Progress, sha256_of

VERSION = "2.19.3"
SOURCE_SHA256 = "09fd11191768c220b071f61a108df9bd1df5522fbe4e7c2229f30f69b195454a"
_SOURCE = "timescaledb"
# Which suite holds this source, by the machine's distribution (its own mirror is asked).
_SUITES = {"debian": ("trixie", "main"), "ubuntu": ("plucky", "universe")}
_KEYRINGS = {
    "debian": Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
    "ubuntu": Path("/usr/share/keyrings/ubuntu-archive-keyring.gpg"),
}
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
    _run(["bash", "./bootstrap", f"-DPG_CONFIG={pg_config}", *_OPTIONS], source, environment, log)
    _run(["make", "-C", "build", f"-j{os.cpu_count() or 1}", "install"], source, environment, log)


def _fetch_source(work: Path, log: Path) -> Path:
    """Download the source package from the machine's own mirror; its tarball, checked."""
    distribution = _distribution()
    site = _mirror(distribution)
    suite, component = _SUITES[distribution]
    keyring = _KEYRINGS[distribution]
    for folder in ("apt/state/lists/partial", "apt/cache/archives/partial", "apt/parts"):
        (work / folder).mkdir(parents=True)
    signed = f"[signed-by={keyring}] " if keyring.exists() else ""
    (work / "apt" / "sources.list").write_text(f"deb-src {signed}{site} {suite} {component}\n")
    configuration = work / "apt" / "apt.conf"
    configuration.write_text(
        f'Dir::Etc::sourcelist "{work}/apt/sources.list";\nDir::Etc::sourceparts "{work}/apt/parts";\n'
        f'Dir::State "{work}/apt/state";\nDir::Cache "{work}/apt/cache";\nAPT::Sandbox::User "";\n'
    )
    environment = {**os.environ, "APT_CONFIG": str(configuration), "LC_ALL": "C.UTF-8"}
    _run(["apt-get", "update", "-q", "--error-on=any"], work, environment, log)
    _run(["apt-get", "source", "-q", "--download-only", _SOURCE], work, environment, log)
    tarballs = sorted(work.glob(f"{_SOURCE}_*.orig.tar.*"))
    for tarball in tarballs:
        if sha256_of(tarball) == SOURCE_SHA256:
            return tarball
    names = ", ".join(path.name for path in tarballs) or "no tarball"
    raise StackError("timescaledb", f"{suite} offers {names}, not the source of {VERSION} that is known here", log)


def _distribution() -> str:
    """`debian` or `ubuntu`: whose archive this machine's mirror carries."""
    lines = Path("/etc/os-release").read_text().splitlines()
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    names = f"{values.get('ID', '')} {values.get('ID_LIKE', '')}".replace('"', "").split()
    for name in names:
        if name in _SUITES:
            return name
    raise StackError("timescaledb", f"this machine is {' '.join(names) or 'unknown'}, neither Debian nor Ubuntu")


def _mirror(distribution: str) -> str:
    """The archive that the machine's own apt configuration names for its distribution."""
    query = ["apt-get", "indextargets", "--format", "$(SITE) $(COMPONENT)", "Created-By: Packages"]
    answer = subprocess.run(query, capture_output=True, text=True, check=False)
    sites = [line.split()[0] for line in answer.stdout.splitlines() if line.split()[1:] == ["main"]]
    found = next((site for site in sites if site.rstrip("/").endswith(f"/{distribution}")), None)
    if found is None:
        raise StackError("timescaledb", f"apt on this machine names no mirror of {distribution}'s archive")
    return found


def _run(command: list[str], folder: Path, environment: Mapping[str, str], log: Path) -> None:
    with log.open("a") as stream:
        stream.write(f"$ {' '.join(command)}\n")
        stream.flush()
        result = subprocess.run(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, check=False
        )
    if result.returncode != 0:
        raise StackError("timescaledb", f"`{command[0]} {command[1]}` ended with {result.returncode}", log)


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
