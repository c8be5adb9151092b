"""Where a process answers, written to a file that others look for."""

import json
import os
from pathlib import Path


def announce(folder: Path, name: str, port: int) -> Path:
    """Write pid and port to ``<folder>/<name>.json``; return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    partial = path.with_suffix(f".{os.getpid()}.partial")
    partial.write_text(json.dumps({"pid": os.getpid(), "port": port}))
    partial.rename(path)
    return path


def withdraw(path: Path) -> None:
    """Take an announcement back, unless a successor has replaced it."""
    try:
        pid = int(json.loads(path.read_text())["pid"])
    except (OSError, ValueError, KeyError):
        return
    if pid == os.getpid():
        path.unlink(missing_ok=True)
