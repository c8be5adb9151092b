"""A home folder and a backup of it."""

from pathlib import Path

import pytest

from tests.support.backups import make_backup, make_home


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return make_home(tmp_path / "home")


@pytest.fixture
def backup(home: Path, tmp_path: Path) -> Path:
    return make_backup(home, tmp_path / "backup")
