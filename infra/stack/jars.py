"""The broker's jars: fetched by Maven coordinate, held to the committed SHA-256 of each (`jars.lock`)."""

import hashlib
import logging
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from infra.stack.artifacts import build_once
from infra.stack.errors import StackError

LOCK_FILE = Path(__file__).with_name("jars.lock")
_FETCHERS = 8

Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Jar:
    """One line of the lock."""

    sha256: str
    group: str
    artifact: str
    version: str

    @property
    def file_name(self) -> str:
        """The jar's name in the class path folder."""
        return f"{self.artifact}-{self.version}.jar"

    def __str__(self) -> str:
        return f"{self.group}:{self.artifact}:{self.version}"


def read_lock(path: Path = LOCK_FILE) -> tuple[Jar, ...]:
    """The locked jars, in the file's order; StackError names a line that cannot be read."""
    jars = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        digest, _, coordinate = line.partition("  ")
        parts = coordinate.split(":")
        if len(digest) != 64 or len(parts) != 3:
            raise StackError("jars", f"{path} line {number} is not `sha256  group:artifact:version`: {line!r}")
        jars.append(Jar(sha256=digest, group=parts[0], artifact=parts[1], version=parts[2]))
    return tuple(jars)


def kafka_version() -> str:
    """Version of the broker in the lock."""
    return next(jar.version for jar in read_lock() if jar.artifact.startswith("kafka_"))


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def ensure_jars(cache: Path, progress: Progress) -> Path:
    """Folder with exactly the locked jars, fetched into `cache` if it is not there yet."""
    jars = read_lock()
    digest = hashlib.sha256(LOCK_FILE.read_bytes()).hexdigest()[:12]

    def build(folder: Path) -> None:
        progress(f"fetching {len(jars)} jars of Kafka {kafka_version()}")
        repository = folder / "repository"
        with ThreadPoolExecutor(_FETCHERS) as pool:
            for jar, found in zip(jars, pool.map(lambda jar: _fetch(jar, repository), jars), strict=True):
                shutil.move(found, folder / jar.file_name)
        shutil.rmtree(repository)

    return build_once(cache / f"jars-{digest}", build)


def _fetch(jar: Jar, repository: Path) -> Path:
    """Fetch one jar below `repository` and check it; SIGNALTAPE_MAVEN_REPOSITORY replaces Maven Central."""
    from jgo.maven import MavenContext

    logging.getLogger("jgo").setLevel(logging.WARNING)
    mirror = os.environ.get("SIGNALTAPE_MAVEN_REPOSITORY")
    remotes = {"mirror": mirror.rstrip("/")} if mirror else None
    context = MavenContext(repo_cache=repository, remote_repos=remotes, timeout=60)
    component = context.project(jar.group, jar.artifact).at_version(jar.version)
    try:
        path = Path(component.artifact("", "jar").resolve())
    except Exception as error:  # jgo lets errors of its HTTP library through as they are
        raise StackError(
            "kafka",
            f"cannot fetch {jar} from {'the configured mirror' if mirror else 'Maven Central'}: {error}",
        ) from error
    found = sha256_of(path)
    if found != jar.sha256:
        raise StackError("kafka", f"{jar} has SHA-256 {found}, the lock says {jar.sha256}: refused")
    return path
