"""A restore that was killed at any change to its files: nothing starts on half of it, and both ways out are open."""

import itertools
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.errors import OperatorError
from infra.restore_mark import FOLDER, HalfRestored, require_whole
from infra.settings import load_settings
from infra.stack import Stack, StackConfig
from signaltape.backup.creating import create
from signaltape.backup.errors import BackupError
from signaltape.backup.restoring import alone, restore, undo
from signaltape.detached import start_detached
from signaltape.initialisation import initialise
from tests.support.backups import files, make_backup
from tests.support.isolation import process_environment

_ENTRIES = {"artifacts", "signaltape.toml", "stack"}
#: Changes until then: what is left from before, the mark twice (renamed, and its temporary name made sure of), a move.
_SECOND_MOVE = 7
#: Runs a statement and ends itself, as a crash would, right before its nth change to the files of the home folder.
_KILLED = """
import os, signal, sys
from pathlib import Path
from signaltape.backup.restoring import restore, undo
backup, home, left = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
def watch(event, arguments):
    global left
    if event in {"os.rename", "os.remove", "os.rmdir", "shutil.rmtree"} and str(home) in str(arguments[0]):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(watch)
"""


def killed(statement: str, backup: Path, home: Path, at: int) -> bool:
    """Run it until the change; False if it came to its end before."""
    argv = [sys.executable, "-c", _KILLED + statement, str(backup), str(home), str(at)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


def held(home: Path) -> set[str]:
    return {entry.name for entry in home.iterdir()} - {FOLDER} if home.exists() else set()


def refuses(home: Path) -> bool:
    try:
        require_whole(home)
    except HalfRestored:
        return True
    return False


def broken_off(statement: str, backup: Path, begun: Path) -> Iterator[Path]:
    """Copies of a home folder, in each of which the statement was killed one change later."""
    for at in itertools.count(1):
        home = begun.with_name(f"{begun.name}-{at}")
        if begun.exists():
            shutil.copytree(begun, home)
        if not killed(statement, backup, home, at):
            assert at > len(_ENTRIES), "the changes were not seen"
            return
        yield home


def check_ways_out(home: Path, backup: Path, whole: dict[str, str]) -> None:
    """Half of a home is never taken for a whole; it can be completed, and it can be taken back."""
    assert refuses(home) or held(home) in (set(), _ENTRIES)
    back = home.with_name(f"{home.name}-back")
    if home.exists():
        shutil.copytree(home, back)
    if refuses(back):
        undo(back)
        assert held(back) == set()
    if held(home) != _ENTRIES or refuses(home):
        restore(backup, home)
    assert files(home) == whole
    assert not refuses(home)


def test_a_restore_killed_at_any_change_is_taken_up_again_or_taken_back(
    home: Path, backup: Path, tmp_path: Path
) -> None:
    restore(backup, tmp_path / "whole")
    seen = set()
    for one in broken_off("restore(backup, home)", backup, tmp_path / "fresh"):
        seen.add(frozenset(held(one)))
        check_ways_out(one, backup, files(tmp_path / "whole"))
    assert len(seen) == len(_ENTRIES) + 1, "killed between each two moves"


def half(backup: Path, home: Path) -> Path:
    """A home folder of which some was moved."""
    assert killed("restore(backup, home)", backup, home, _SECOND_MOVE)
    assert held(home) == {"artifacts"}
    return home


def test_taking_back_may_be_killed_too(backup: Path, tmp_path: Path) -> None:
    restore(backup, tmp_path / "whole")
    for at in (_SECOND_MOVE, _SECOND_MOVE + 1):
        begun = tmp_path / f"half-{at}"
        assert killed("restore(backup, home)", backup, begun, at)
        for one in broken_off("undo(home)", backup, begun):
            check_ways_out(one, backup, files(tmp_path / "whole"))


def test_nothing_starts_on_half_of_a_home(backup: Path, tmp_path: Path) -> None:
    home = half(backup, tmp_path / "fresh")
    settings = load_settings(home=home)
    config = StackConfig(data=home / "stack", cache=home / "cache")
    words = rf"is not whole: the restore of {backup} .* restore --from {backup}; .* restore --undo"
    for start in (
        Stack(config, detached=True).start,
        lambda: initialise(settings),
        lambda: start_detached(home, {}),
        lambda: create(home, config, tmp_path / "another", "now"),
    ):
        with pytest.raises(OperatorError, match=words):
            start()
    assert held(home) == {"artifacts"}, "nothing was made by those who refused"


@pytest.mark.parametrize("command", [("run", "store"), ("run", "all"), ("up",), ("init",)], ids=" ".join)
def test_commands_say_why_and_what_to_do(command: tuple[str, ...], backup: Path, tmp_path: Path) -> None:
    home = half(backup, tmp_path / "fresh")
    argv = [sys.executable, "-m", "signaltape", *command]
    environment = process_environment(load_settings(home=home))
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "signaltape backup restore --undo" in done.stdout + done.stderr


def test_the_command_takes_back_and_says_so(backup: Path, tmp_path: Path) -> None:
    home = half(backup, tmp_path / "fresh")
    argv = [sys.executable, "-m", "signaltape", "backup", "restore", "--undo", "--json"]
    environment = process_environment(load_settings(home=home))
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout) == {"home": str(home), "taken_back": ["artifacts"]}
    assert held(home) == set()
    with pytest.raises(BackupError, match="there is nothing to take back"):
        undo(home)


def test_another_backup_does_not_complete_the_first_one(home: Path, backup: Path, tmp_path: Path) -> None:
    begun = half(backup, tmp_path / "fresh")
    other = make_backup(home, tmp_path / "other", made_at="2026-01-02T00:00:00+00:00")
    with pytest.raises(BackupError, match=rf"is another backup: take that one up again with --from {backup}"):
        restore(other, begun)
    assert held(begun) == {"artifacts"}


def test_what_was_put_into_the_places_since_is_not_written_over(backup: Path, tmp_path: Path) -> None:
    begun = half(backup, tmp_path / "fresh")
    (begun / "signaltape.toml").write_text("mine")
    with pytest.raises(BackupError, match=r"holds signaltape\.toml, which does not come from the restore"):
        restore(backup, begun)
    undo(begun)
    assert files(begun) == {"signaltape.toml": "mine"}


def test_what_was_removed_since_is_missed(backup: Path, tmp_path: Path) -> None:
    begun = half(backup, tmp_path / "fresh")
    shutil.rmtree(begun / "artifacts")
    with pytest.raises(BackupError, match="artifacts of the restore that was broken off is missing"):
        restore(backup, begun)
    undo(begun)
    restore(backup, begun)
    assert held(begun) == _ENTRIES


def test_a_mark_that_cannot_be_read_keeps_everything_away(backup: Path, tmp_path: Path) -> None:
    begun = half(backup, tmp_path / "fresh")
    (begun / FOLDER / "mark.json").write_text("{")
    for way in (lambda: require_whole(begun), lambda: restore(backup, begun), lambda: undo(begun)):
        with pytest.raises(HalfRestored, match=r"mark\.json can't be read"):
            way()


def test_two_restores_at_once_do_not_mix(backup: Path, tmp_path: Path) -> None:
    (tmp_path / "fresh").mkdir()
    with alone(tmp_path / "fresh"), pytest.raises(BackupError, match="another command restores into"):
        restore(backup, tmp_path / "fresh")
    assert held(tmp_path / "fresh") == set()


def test_a_restore_that_fails_leaves_the_folder_as_it_was(
    backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("signaltape.backup.restoring.os.sync", full)
    with pytest.raises(BackupError, match=r"No space left on device. The folder is as it was"):
        restore(backup, tmp_path / "fresh")
    assert list((tmp_path / "fresh").iterdir()) == []
