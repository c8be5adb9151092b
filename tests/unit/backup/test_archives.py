"""Archives and manifests of a backup: what goes in comes out, and nothing that was cut, changed or made by others."""

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from infra.settings import load_settings
from infra.stack import StackConfig, StackError
from infra.stack.ownership import Ownership
from signaltape.backup.archive import pack, unpack
from signaltape.backup.creating import create
from signaltape.backup.errors import BackupError
from signaltape.backup.manifest import FILE, check, read
from signaltape.backup.parts import Part, entries, parts_of
from signaltape.backup.restoring import restore
from tests.support.backups import files
from tests.support.isolation import process_environment
from tests.support.waiting import wait_for


def test_what_is_restored_is_what_was_there(home: Path, backup: Path, tmp_path: Path) -> None:
    target = tmp_path / "fresh"
    restore(backup, target)
    left_out = {
        "stack/kafka/server.properties", "stack/postgres/data/postmaster.pid", "stack/run/endpoints.json",
        "stack/log/kafka.log", "cache/jars/kafka.jar", "logs/store.log",
    }  # fmt: skip
    assert files(target) == {name: text for name, text in files(home).items() if name not in left_out}
    assert (target / "stack/postgres/data").stat().st_mode & 0o777 == 0o700
    assert (target / "stack/password").stat().st_mode & 0o777 == 0o600
    assert all(path.stat().st_mode & 0o077 == 0 for path in backup.glob("*.tar.gz")), "archives hold passwords"


def test_a_home_folder_that_holds_data_is_refused(home: Path, backup: Path) -> None:
    before = files(home)
    with pytest.raises(BackupError, match=r"holds data already \(artifacts, signaltape.toml, stack\)"):
        restore(backup, home)
    assert files(home) == before


def test_caches_and_logs_are_not_in_the_way(backup: Path, tmp_path: Path) -> None:
    target = tmp_path / "fresh"
    (target / "cache").mkdir(parents=True)
    (target / ".restore.partial" / "stack").mkdir(parents=True)  # of a restore that was interrupted
    restore(backup, target)
    assert (target / "stack/kafka/data/meta.properties").is_file()


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-7]), "it was cut off or changed"),
        (lambda path: path.write_bytes(b"\0" + path.read_bytes()[1:]), "was changed: its SHA-256"),
        (lambda path: path.unlink(), "the part postgres of this backup is lost"),
    ],
)
def test_a_harmed_backup_is_refused_before_anything_is_written(
    harm: object, message: str, backup: Path, tmp_path: Path
) -> None:
    assert callable(harm)
    harm(backup / "postgres.tar.gz")
    with pytest.raises(BackupError, match=message):
        restore(backup, tmp_path / "fresh")
    assert not (tmp_path / "fresh").exists()


def test_a_backup_without_its_manifest_is_not_complete(backup: Path) -> None:
    (backup / FILE).unlink()
    with pytest.raises(BackupError, match="is not a complete backup"):
        check(backup)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"format": 2}, "has format 2, this release reads 1"),
        ([], "has format None"),
        ({"format": 1, "parts": {"kafka": {"file": "x"}}}, "is not a manifest"),
        ({"format": 1}, "is not a manifest"),
    ],
)
def test_a_manifest_of_another_form_is_refused(values: object, message: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(json.dumps(values))
    with pytest.raises(BackupError, match=message):
        read(tmp_path)


def test_a_manifest_that_names_files_elsewhere_is_refused(backup: Path) -> None:
    values = json.loads((backup / FILE).read_text())
    values["parts"]["kafka"]["file"] = "../kafka.tar.gz"
    (backup / FILE).write_text(json.dumps(values))
    with pytest.raises(BackupError, match="outside of its folder"):
        check(backup)


def archive_of(path: Path, entry: tarfile.TarInfo) -> Path:
    with tarfile.open(path, mode="w:gz") as archive:
        archive.addfile(entry, io.BytesIO(b"x" * entry.size))
    return path


def test_an_archive_of_others_writes_nothing_outside(tmp_path: Path) -> None:
    outside = tarfile.TarInfo("../escaped")
    outside.size = 1
    link = tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc"
    for number, entry in enumerate((outside, link)):
        (tmp_path / "in").mkdir(exist_ok=True)
        with pytest.raises(BackupError, match="not a backup of ours"):
            unpack(archive_of(tmp_path / f"{number}.tar.gz", entry), tmp_path / "in")
    assert not (tmp_path / "escaped").exists()


def test_a_link_is_refused_rather_than_left_out(home: Path, tmp_path: Path) -> None:
    (home / "artifacts" / "elsewhere").symlink_to(tmp_path)
    with pytest.raises(BackupError, match="neither a file nor a folder"):
        list(entries(home, Part(name="files", roots=(Path("artifacts"),))))


def test_a_home_folder_without_a_stack_has_no_backup(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="there is no data of a local stack"):
        parts_of(tmp_path)


def test_two_names_of_one_file_both_come_back(home: Path, tmp_path: Path) -> None:
    (home / "artifacts" / "again").hardlink_to(home / "artifacts/m/1/model.onnx")
    pack(home, entries(home, parts_of(home)[2]), tmp_path / "x.tar.gz")
    unpack(tmp_path / "x.tar.gz", tmp_path / "out")
    assert (tmp_path / "out/artifacts/again").read_text() == "graph"


def test_a_backup_replaces_nothing_and_never_lies_in_what_it_copies(home: Path, backup: Path) -> None:
    config = StackConfig(data=home / "stack", cache=home / "cache")
    with pytest.raises(BackupError, match="a backup never replaces another one"):
        create(home, config, backup, "now")
    with pytest.raises(BackupError, match="the folder that is backed up"):
        create(home, config, home / "backups", "now")
    with pytest.raises(BackupError, match="the folder that is backed up"):
        create(home, config, home.parent / "elsewhere" / ".." / "home" / "backups", "now")


def test_a_stack_that_does_not_run_is_copied_and_stays_stopped(home: Path, tmp_path: Path) -> None:
    made = create(home, StackConfig(data=home / "stack", cache=home / "cache"), tmp_path / "new", "now")
    assert check(tmp_path / "new") == read(tmp_path / "new") == made
    assert {name: part.files for name, part in made.parts.items()} == {"kafka": 2, "postgres": 2, "files": 2}
    assert not list(tmp_path.glob(".new*")), "nothing is left of the way there"


def test_a_stack_that_somebody_owns_is_left_alone(home: Path, tmp_path: Path) -> None:
    owner = Ownership(home / "stack" / "run" / "owner")
    owner.take(lasting=True)
    try:
        with pytest.raises(StackError, match="is in use by process"):
            create(home, StackConfig(data=home / "stack", cache=home / "cache"), tmp_path / "new", "now")
    finally:
        owner.release()
    assert not list(tmp_path.glob("*new*")), "nothing is left"


def test_a_copy_that_fails_stops_the_others_and_leaves_nothing(home: Path, tmp_path: Path) -> None:
    """Else the servers would stay away until the largest part is copied, for a backup that is lost already."""
    with (home / "stack/kafka/data/large.log").open("wb") as file:
        file.truncate(1 << 40)  # a terabyte of nothing: hours to copy
    (home / "artifacts/link").symlink_to(home / "signaltape.toml")
    with pytest.raises(BackupError, match="is neither a file nor a folder"):
        create(home, StackConfig(data=home / "stack", cache=home / "cache"), tmp_path / "new", "now")
    assert not list(tmp_path.glob("*new*"))


def test_sigterm_ends_a_backup_in_order(home: Path, tmp_path: Path) -> None:
    with (home / "stack/kafka/data/large.log").open("wb") as file:
        file.truncate(1 << 40)
    (home / "stack/run/endpoints.json").unlink()
    settings = load_settings(home=home)
    argv = [sys.executable, "-m", "signaltape", "backup", "create", "--to", str(tmp_path / "new")]
    process = subprocess.Popen(argv, env=process_environment(settings), stderr=subprocess.PIPE)
    try:
        wait_for(lambda: list(tmp_path.glob(".new.partial/kafka*")), 30, "the copy to begin", 0.02)
        process.terminate()
        assert process.wait(20) == 143
    finally:
        process.kill()
        process.communicate()
    assert not list(tmp_path.glob("*new*"))
