"""Pushes datasets to a place under a name and a version, and pulls them from there, every byte checked.

Below the place lie `NAME/objects/SHA256` (files by their content) and `NAME/vN.json` (a version: which dataset, and the
SHA-256 and size of its files).
"""

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from infra.scoring.files import sync_folder
from infra.scoring.manifest import NAME
from signaltape.datasets.checking import open_dataset
from signaltape.datasets.errors import DatasetError
from signaltape.datasets.files import DATA_FILE, MANIFEST_FILE, check_folder, discard, publish
from signaltape.datasets.remote import Remote

_FORMAT, _BLOCK, _MOST_VERSIONS = 1, 1 << 20, 100_000
_FILES = (DATA_FILE, MANIFEST_FILE)


@dataclass(frozen=True, kw_only=True)
class Version:
    """One version of a dataset at a place; ``files``: name → {sha256, size}."""

    name: str
    version: int
    dataset_id: str
    fingerprint: str
    files: Mapping[str, Mapping[str, Any]]


def push(remote: Remote, name: str, folder: Path) -> Version:
    """Store a dataset as the next version of ``name``; the newest version again if it is this very dataset.

    1. The dataset is verified. 2. Its files are stored by their content. 3. The version is written, last: a push that
    dies before leaves no version. If somebody else took the number meanwhile, the next one is tried. Raises
    DatasetError.
    """
    _check_name(name)
    manifest = open_dataset(folder).manifest  # 1.
    files = {one: _digest(folder / one) for one in _FILES}
    newest = _newest(remote, name)
    if newest is not None and newest.files == files:
        return newest
    for one, found in files.items():
        remote.create(f"{name}/objects/{found['sha256']}", folder / one)  # 2.
    number = 1 if newest is None else newest.version + 1
    while True:
        made = Version(
            name=name,
            version=number,
            dataset_id=manifest.dataset_id,
            fingerprint=manifest.fingerprint,
            files=files,
        )
        if _write(remote, made):  # 3.
            return made
        number += 1


def pull(remote: Remote, name: str, version: int | None, folder: Path) -> Version:
    """Fetch a version (by default the newest) into ``folder``, which must be new or empty.

    1. The files come into a hidden folder beside it, their SHA-256 and size compared on the way. 2. The dataset is
    verified: fingerprint, counts, what could be known. 3. The folder gets its name. Raises DatasetError, with no
    dataset written.
    """
    _check_name(name)
    check_folder(folder)
    found = _newest(remote, name) if version is None else _read(remote, name, version)
    if found is None:
        wanted = name if version is None else f"{name}:{version}"
        raise DatasetError(f"there is no dataset {wanted} at this place")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise DatasetError(f"{error.filename or folder}: {error.strerror}; choose a folder to write") from error
    try:
        for one in _FILES:
            _fetch(remote, found, one, staged / one)  # 1.
        if open_dataset(staged).manifest.fingerprint != found.fingerprint:  # 2.
            raise DatasetError(
                f"{name}:{found.version} is not the dataset that its version names: it was changed there"
            )
        staged.chmod(0o755)
        sync_folder(staged)
        publish(staged, folder)  # 3.
    except (OSError, HTTPException) as error:
        raise DatasetError(f"{name}:{found.version} did not come through: {error}; nothing was written") from error
    finally:
        discard(staged)
    return found


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise DatasetError(f"name {name!r}: lower-case letters, digits, - and _ (64 at the most)")


def _newest(remote: Remote, name: str) -> Version | None:
    """The last of the versions, which are numbered without a gap: the number is doubled, then halved in."""
    if _read(remote, name, 1) is None:
        return None
    low, high = 1, 2
    while high < _MOST_VERSIONS and _read(remote, name, high) is not None:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _read(remote, name, middle) is not None else (low, middle)
    return _read(remote, name, low)


def _read(remote: Remote, name: str, version: int) -> Version | None:
    place = f"{name}/v{version}.json"
    with remote.open(place) as stream:
        if stream is None:
            return None
        text = stream.read(_BLOCK)
    try:
        document = json.loads(text)
        if document.pop("format") != _FORMAT:
            raise DatasetError(f"{place} is of another format than {_FORMAT}: it was written by a newer version")
        found = Version(**document)
        known = {one: (str(found.files[one]["sha256"]), int(found.files[one]["size"])) for one in _FILES}
    except (ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{place} is no version of a dataset ({type(error).__name__}: {error})") from error
    if (found.name, found.version, set(found.files)) != (name, version, set(known)):
        raise DatasetError(f"{place} speaks of {found.name}:{found.version}: it was put in the wrong place")
    return found


def _write(remote: Remote, version: Version) -> bool:
    document = {"format": _FORMAT, **asdict(version)}
    with tempfile.TemporaryDirectory(prefix="signaltape-push-") as scratch:
        path = Path(scratch) / "version.json"
        path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        return remote.create(f"{version.name}/v{version.version}.json", path)


def _digest(path: Path) -> dict[str, Any]:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return {"sha256": digest.hexdigest(), "size": path.stat().st_size}


def _fetch(remote: Remote, version: Version, name: str, path: Path) -> None:
    wanted = version.files[name]
    digest, size = hashlib.sha256(), 0
    with remote.open(f"{version.name}/objects/{wanted['sha256']}") as stream, path.open("xb") as sink:
        if stream is None:
            raise DatasetError(f"{name} of {version.name}:{version.version} is gone from this place; push it again")
        while (block := stream.read(_BLOCK)) and size <= wanted["size"]:
            sink.write(block)
            digest.update(block)
            size += len(block)
    if (digest.hexdigest(), size) != (wanted["sha256"], wanted["size"]):
        raise DatasetError(
            f"{name} of {version.name}:{version.version}: its SHA-256 is {digest.hexdigest()} over {size:,} bytes, "
            f"pushed were {wanted['sha256']} over {wanted['size']:,}: it was changed there, or came through damaged"
        )
