"""A home folder as a stack leaves it, a backup of it, and what lies in a folder."""

from pathlib import Path

from signaltape.backup.archive import pack
from signaltape.backup.manifest import Manifest, write
from signaltape.backup.parts import entries, parts_of

_CONTENT = {
    "stack/kafka/data/bars.v1-0/00000000000000000000.log": "records",
    "stack/kafka/data/meta.properties": "cluster.id=x",
    "stack/kafka/server.properties": "port=1",
    "stack/postgres/data/PG_VERSION": "16",
    "stack/postgres/data/postmaster.pid": "123",
    "stack/password": "secret",
    "stack/run/endpoints.json": "{}",
    "stack/log/kafka.log": "noise",
    "artifacts/m/1/model.onnx": "graph",
    "signaltape.toml": "[topics]",
    "cache/jars/kafka.jar": "big",
    "logs/store.log": "noise",
}


def make_home(folder: Path) -> Path:
    """What a backup takes and what it doesn't."""
    for name, text in _CONTENT.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "stack/postgres/data").chmod(0o700)
    (folder / "stack/password").chmod(0o600)
    return folder


def make_backup(home: Path, folder: Path, *, made_at: str = "2026-01-01T00:00:00+00:00") -> Path:
    """A backup of a home folder whose servers don't run."""
    folder.mkdir()
    packed = {
        part.name: pack(home, entries(home, part), folder / f"{part.name}.tar.gz") for part in parts_of(home)
    }  # fmt: skip
    write(folder, Manifest(program="0", made_at=made_at, servers={}, parts=packed))
    return folder


def files(folder: Path) -> dict[str, str]:
    """Content of every file, by its path below the folder."""
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}
