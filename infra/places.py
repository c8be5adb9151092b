"""Where signaltape keeps its files on this machine."""

import os
import pwd
from collections.abc import Mapping
from pathlib import Path


def data_home(environment: Mapping[str, str] | None = None) -> Path:
    """The per-user folder: SIGNALTAPE_HOME, else XDG_DATA_HOME/signaltape, else ~/.local/share/signaltape.

    Postgres refuses to run as root and so runs as another user, who cannot enter a closed folder such as
    /root. For root with such a home folder the default is /var/lib/signaltape/<that folder, with dashes>.
    """
    values = os.environ if environment is None else environment
    if explicit := values.get("SIGNALTAPE_HOME"):
        return Path(explicit).expanduser().absolute()
    home = Path(values.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir).absolute()
    base = Path(values.get("XDG_DATA_HOME") or home / ".local" / "share").absolute()
    if os.geteuid() == 0 and closed_parent(base / "signaltape") is not None:
        return Path("/var/lib/signaltape") / (str(home).strip("/").replace("/", "-") or "root")
    return base / "signaltape"


def closed_parent(folder: Path) -> Path | None:
    """The outermost folder on the way to `folder` that other users cannot enter; None if all are open."""
    for parent in [*reversed(folder.absolute().parents), folder.absolute()]:
        try:
            if not parent.stat().st_mode & 0o001:
                return parent
        except FileNotFoundError:
            return None
    return None


def stack_folder(home: Path) -> Path:
    """Data, logs and process records of the local stack of this home."""
    return home / "stack"


def cache_folder(home: Path) -> Path:
    """Artifacts that all local stacks of this home share."""
    return home / "cache"


def endpoints_file(home: Path) -> Path:
    """Where a running local stack of this home writes how to reach it; absent when it does not run."""
    return stack_folder(home) / "run" / "endpoints.json"
