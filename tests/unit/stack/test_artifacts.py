"""A shared folder is complete or absent."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from infra.stack.artifacts import build_once


def test_builds_once(tmp_path: Path) -> None:
    calls: list[Path] = []

    def build(folder: Path) -> None:
        calls.append(folder)
        (folder / "content").write_text("whole")

    for _ in range(2):
        assert (build_once(tmp_path / "made", build) / "content").read_text() == "whole"
    assert len(calls) == 1


def test_an_interrupted_build_leaves_nothing_and_is_redone(tmp_path: Path) -> None:
    def interrupted(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_once(tmp_path / "made", interrupted)
    assert not (tmp_path / "made").exists()

    build_once(tmp_path / "made", lambda folder: (folder / "whole").touch())
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["whole"]


def test_two_at_once_build_one(tmp_path: Path) -> None:
    calls: list[Path] = []
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: build_once(tmp_path / "made", calls.append), range(4)))
    assert len(calls) == 1
