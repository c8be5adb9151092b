"""Registered files: what isn't in the artifact folder is not even looked at."""

import hashlib
from pathlib import Path

import pytest

from infra.scoring.errors import ArtifactChanged
from infra.scoring.files import read_artifact

SHA = hashlib.sha256(b"content").hexdigest()


def test_a_file_of_the_folder_is_read_and_compared(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "x").write_bytes(b"content")
    assert read_artifact(tmp_path, "m/x", SHA) == b"content"
    with pytest.raises(ArtifactChanged, match="SHA-256"):
        read_artifact(tmp_path, "m/x", "0" * 64)


@pytest.mark.parametrize("kind", ["above", "absolute", "link"])
def test_a_place_outside_is_refused_whatever_it_holds(tmp_path: Path, kind: str) -> None:
    outside, folder = tmp_path / "secret", tmp_path / "artifacts"
    folder.mkdir()
    outside.write_bytes(b"content")
    (folder / "link").symlink_to(outside)
    relative = {"above": "../secret", "absolute": str(outside), "link": "link"}[kind]
    with pytest.raises(ArtifactChanged, match="outside") as caught:
        read_artifact(folder, relative, SHA)
    assert SHA not in str(caught.value)
