"""The manifest of a backup: what it holds, from which servers, and the digest of every archive."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from signaltape.backup.archive import Packed, digest_of
from signaltape.backup.errors import BackupError

FILE = "manifest.json"
FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A backup. made_at: ISO-8601 UTC; servers: name → version; parts: name → archive."""

    program: str
    made_at: str
    servers: Mapping[str, str | None]
    parts: Mapping[str, Packed]

    @property
    def content_bytes(self) -> int:
        """Size of all files once they are restored."""
        return sum(part.content_bytes for part in self.parts.values())

    def as_json(self) -> dict[str, Any]:
        """The manifest under its public names."""
        return {"format": FORMAT, **asdict(self)}


def write(folder: Path, manifest: Manifest) -> None:
    """Write the manifest, last of all: a backup without one is not complete."""
    (folder / FILE).write_text(json.dumps(manifest.as_json(), indent=2) + "\n")


def read(folder: Path) -> Manifest:
    """Return the manifest of a backup. Raises BackupError where there is none that can be used."""
    path = folder / FILE
    try:
        values = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise BackupError(f"{folder} is not a complete backup: {FILE}, which is written last, is missing") from error
    except (OSError, ValueError) as error:
        raise BackupError(f"{path} can't be read: {error}") from error
    found = values.get("format") if isinstance(values, dict) else None
    if found != FORMAT:
        raise BackupError(f"{path} has format {found!r}, this release reads {FORMAT}: use the release that wrote it")
    try:
        parts = {name: Packed(**part) for name, part in values["parts"].items()}
        named = {name: values[name] for name in ("program", "made_at", "servers")}
    except (KeyError, TypeError, AttributeError) as error:
        raise BackupError(f"{path} is not a manifest of a backup: {error}") from error
    outside = [part.file for part in parts.values() if Path(part.file).name != part.file]
    if outside:
        raise BackupError(f"{path} names archives outside of its folder: {', '.join(outside)}")
    return Manifest(parts=parts, **named)


def check(folder: Path, moved: Callable[[int], None] = lambda _: None) -> Manifest:
    """Return the manifest once every archive has the size and digest that it names. Raises BackupError."""
    manifest = read(folder)
    for name, part in manifest.parts.items():
        path = folder / part.file
        if not path.is_file():
            raise BackupError(f"{path} is missing: the part {name} of this backup is lost. Use another backup")
        if (size := path.stat().st_size) != part.bytes:
            raise BackupError(
                f"{path} has {size:,} bytes, the manifest says {part.bytes:,}: it was cut off or changed. Use another"
                " backup"
            )
        if (digest := digest_of(path, moved)) != part.sha256:
            raise BackupError(
                f"{path} was changed: its SHA-256 is {digest}, the manifest says {part.sha256}. Use another backup"
            )
    return manifest
