"""What the server's companion does while the server runs; the server itself is tried in tests/integration/monitor."""

from pathlib import Path

import pytest

from infra.settings import load_settings
from signaltape.prometheus import LocalPrometheus, server
from tests.support.waiting import wait_for


def test_targets_that_could_not_be_written_are_written_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk must not end the look-out for processes, and leave those of now for ever."""
    monkeypatch.setattr(server, "_LOOK_S", 0.01)
    looks: list[int] = []
    monkeypatch.setattr(server, "targets", lambda _: looks.append(1) or [])
    folder = tmp_path / "prometheus"
    folder.write_text("in the way")
    local = LocalPrometheus(load_settings(home=tmp_path), Path("none"), folder)
    local._thread.start()
    try:
        wait_for(lambda: len(looks) > 2, 30, "a second look", 0.01)
        folder.unlink()
        wait_for((folder / "targets.json").exists, 30, "the targets", 0.01)
    finally:
        local.stop()
