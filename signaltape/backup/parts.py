"""What a backup consists of: which files of a home folder go into which archive."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.restore_mark import FOLDER as PARTIAL
from signaltape.backup.errors import BackupError

#: Entries of the home folder that are made anew, belong to this machine, or are somebody else's to keep.
LEFT_OUT = frozenset({"stack", "cache", "run", "logs", "demo", "demo.lock", "drill", "prometheus", PARTIAL})
#: What may lie in a home folder into which a backup is restored.
HARMLESS = LEFT_OUT - {"stack"}
#: Written by a running server, and wrong for the next one.
_PASSING = frozenset({"postmaster.pid", "postmaster.opts"})


@dataclass(frozen=True, kw_only=True)
class Part:
    """One archive: its name, and the paths below the home folder that are in it, with all that they hold."""

    name: str
    roots: tuple[Path, ...]


def parts_of(home: Path) -> tuple[Part, ...]:
    """Return the parts of a home folder. Raises BackupError where there is no local stack in it."""
    stack = Path("stack")
    kafka, postgres = stack / "kafka" / "data", stack / "postgres" / "data"
    missing = [str(home / root) for root in (kafka, postgres) if not (home / root).is_dir()]
    if missing:
        raise BackupError(
            f"there is no data of a local stack: {', '.join(missing)} is missing. For servers that run elsewhere see"
            " docs/operations/backup.md"
        )
    rest = tuple(Path(entry.name) for entry in sorted(home.iterdir()) if entry.name not in LEFT_OUT)
    return (
        Part(name="kafka", roots=(kafka,)),
        Part(name="postgres", roots=(postgres, stack / "password")),
        Part(name="files", roots=rest),
    )


def entries(home: Path, part: Part) -> Iterator[Path]:
    """Yield every path of a part, folders before what they hold, in one order. Raises BackupError for links."""
    seen: set[Path] = set()
    for root in part.roots:
        for parent in reversed(root.parents):
            if parent != Path() and parent not in seen:
                seen.add(parent)
                yield parent
        yield from _below(home, root)


def _below(home: Path, path: Path) -> Iterator[Path]:
    found = home / path
    if found.is_symlink() or not (found.is_dir() or found.is_file()):
        raise BackupError(
            f"{found} is neither a file nor a folder, but a link or a device: a backup would not hold what it points"
            " to. Move it out of the folder, or put the data itself there"
        )
    yield path
    if found.is_dir():
        for entry in sorted(found.iterdir()):
            if entry.name not in _PASSING:
                yield from _below(home, path / entry.name)
