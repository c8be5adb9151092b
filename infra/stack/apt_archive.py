"""What a distribution's archive holds, fetched with an apt configuration of our own.

apt's lists, state and cache lie in a scratch folder, and nothing is installed: no root is needed, and nothing of the
system changes. apt checks signatures and hashes as it always does.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.stack.errors import StackError

KEYRINGS = {
    "debian": Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
    "ubuntu": Path("/usr/share/keyrings/ubuntu-archive-keyring.gpg"),
}


class AptArchive:
    """One scratch folder's view of the archive. Errors are StackErrors about `what`; apt's output goes to `log`."""

    def __init__(self, what: str, work: Path, log: Path, source: str | None = None) -> None:
        """`source`: the one line of the source list; None: what the machine's own apt is configured with."""
        self._what = what
        self._work = work
        self._log = log
        self._single = source is not None
        for folder in ("state/lists/partial", "cache/archives/partial", "parts"):
            (work / "apt" / folder).mkdir(parents=True)
        lines = [
            f'Dir::State "{work}/apt/state"',
            f'Dir::Cache "{work}/apt/cache"',
            'Dir::State::status "/var/lib/dpkg/status"',
            'APT::Sandbox::User ""',
            'Debug::NoLocking "1"',
            'Acquire::Retries "3"',
        ]
        if source is not None:
            (work / "apt" / "sources.list").write_text(source + "\n")
            lines += [f'Dir::Etc::sourcelist "{work}/apt/sources.list"', f'Dir::Etc::sourceparts "{work}/apt/parts"']
        configuration = work / "apt" / "apt.conf"
        configuration.write_text("".join(f"{line};\n" for line in lines))
        self._environment = {**os.environ, "APT_CONFIG": str(configuration), "LC_ALL": "C.UTF-8"}

    def update(self) -> None:
        """Read the lists. Of several sources one may fail: what it alone offers is then not found."""
        strict = ["--error-on=any"] if self._single else []
        self._run(["apt-get", "update", "-q", *strict])

    def source(self, name: str) -> None:
        """Download a source package into the scratch folder."""
        self._run(["apt-get", "source", "-q", "--download-only", name])

    def packages(self, names: Sequence[str]) -> tuple[Path, ...]:
        """Download these packages and what they depend on, as far as this machine does not have it; the .deb files."""
        options = ["--download-only", "--yes", "--no-install-recommends", "--no-remove", "-q"]
        self._run(["apt-get", "install", *options, *names])
        return tuple(sorted((self._work / "apt" / "cache" / "archives").glob("*.deb")))

    def candidate(self, name: str) -> str:
        """The version of a package that would be taken."""
        query = ["apt-cache", "policy", name]
        answer = subprocess.run(query, env=self._environment, capture_output=True, text=True, check=False)
        for line in answer.stdout.splitlines():
            key, _, value = line.strip().partition(": ")
            if key == "Candidate" and value.strip() != "(none)":
                return value.strip()
        raise StackError(
            self._what, f"the archive that apt on this machine is configured with has no {name}", self._log
        )

    def _run(self, command: list[str]) -> None:
        run_step(self._what, command, self._work, self._environment, self._log)


def distribution(what: str) -> str:
    """`debian` or `ubuntu`: whose archive this machine's mirror carries."""
    values = _os_release()
    names = f"{values.get('ID', '')} {values.get('ID_LIKE', '')}".split()
    for name in names:
        if name in KEYRINGS:
            return name
    raise StackError(what, f"this machine is {' '.join(names) or 'unknown'}, neither Debian nor Ubuntu")


def code_name(what: str) -> str:
    """The distribution's suite, such as `bookworm`."""
    distribution(what)
    return _os_release().get("VERSION_CODENAME") or "unnamed"


def mirror(what: str, name: str) -> str:
    """The archive that the machine's own apt configuration names for its distribution."""
    query = ["apt-get", "indextargets", "--format", "$(SITE) $(COMPONENT)", "Created-By: Packages"]
    answer = subprocess.run(query, capture_output=True, text=True, check=False)
    sites = [line.split()[0] for line in answer.stdout.splitlines() if line.split()[1:] == ["main"]]
    found = next((site for site in sites if site.rstrip("/").endswith(f"/{name}")), None)
    if found is None:
        raise StackError(what, f"apt on this machine names no mirror of {name}'s archive")
    return found


def missing_apt() -> str | None:
    """None if apt and dpkg are here, else what is missing."""
    missing = [tool for tool in ("apt-get", "apt-cache", "dpkg-deb") if shutil.which(tool) is None]
    return f"this machine has no {', no '.join(missing)}" if missing else None


def run_step(what: str, command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path) -> None:
    """Run one step of making `what`, its output appended to `log`; StackError if it fails."""
    with log.open("a") as stream:
        stream.write(f"$ {' '.join(command)}\n")
        stream.flush()
        result = subprocess.run(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, check=False
        )
    if result.returncode != 0:
        raise StackError(what, f"`{command[0]} {command[1]}` ended with {result.returncode}", log)


def _os_release() -> dict[str, str]:
    path = Path("/etc/os-release")
    lines = path.read_text().splitlines() if path.exists() else []
    return {key: value.strip('"') for key, _, value in (line.partition("=") for line in lines) if value}
