"""Programs out of Debian's archive: fetched once, made anew when they no longer start, refused with a reason."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from infra.places import cache_folder, data_home
from infra.stack import debian_tools as made
from infra.stack.debian_tools import PROMETHEUS, unpacked
from infra.stack.errors import StackError
from tests.support import debian_tools


def test_what_was_fetched_is_taken_again_and_starts(tmp_path: Path) -> None:
    folder = debian_tools.prometheus().parent
    said: list[str] = []
    assert unpacked(PROMETHEUS, cache_folder(data_home()), said.append) == folder
    assert said == []
    assert os.access(debian_tools.promtool(), os.X_OK)


def test_one_that_does_not_start_any_more_is_thrown_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / debian_tools.prometheus().parent.name
    broken.mkdir()
    (broken / "run").write_text("#!/bin/sh\nexit 127\n")
    (broken / "run").chmod(0o755)
    monkeypatch.setattr(made, "_fetch", lambda *_: tmp_path / "fetched anew")
    assert unpacked(PROMETHEUS, tmp_path, print) == tmp_path / "fetched anew"
    assert not broken.exists()


def test_a_package_that_the_archive_does_not_have_is_named(tmp_path: Path) -> None:
    debian_tools.prometheus()  # skips where there is no archive
    unknown = replace(PROMETHEUS, name="nothing", packages=("signaltape-no-such-package",))
    with pytest.raises(StackError, match=r"nothing: .* has no signaltape-no-such-package\n  its log: "):
        unpacked(unknown, tmp_path, print)
    assert [path.name for path in tmp_path.glob("nothing-*")] == ["nothing-fetch.log"]
