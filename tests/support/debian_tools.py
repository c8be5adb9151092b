"""Prometheus and Chromium for tests: out of Debian's archive, in the cache that all stacks of this user share."""

import os
import sys
from functools import cache
from pathlib import Path

import pytest

from infra.places import cache_folder, data_home
from infra.stack.debian_tools import CHROMIUM, PROMETHEUS, DebianTool, unpacked
from infra.stack.errors import StackError

REQUIRE = "SIGNALTAPE_REQUIRE_TOOLS"


def prometheus() -> Path:
    """The server; skips where it can't be had, and fails in CI or with SIGNALTAPE_REQUIRE_TOOLS=1."""
    return _folder(PROMETHEUS) / "run"


def promtool() -> Path:
    """Its companion that checks and tests rules."""
    return _folder(PROMETHEUS) / "usr" / "bin" / "promtool"


def chromium() -> Path:
    """The browser."""
    return _folder(CHROMIUM) / "run"


def _folder(tool: DebianTool) -> Path:
    folder, reason = _found(tool)
    if folder is not None:
        return folder
    if os.environ.get("CI") or os.environ.get(REQUIRE) == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@cache
def _found(tool: DebianTool) -> tuple[Path | None, str]:
    """Asked once a process: a second attempt would wait for the network again."""
    try:
        folder = unpacked(tool, cache_folder(data_home()), lambda text: print(f"tests: {text}", file=sys.stderr))
    except StackError as error:
        return None, str(error)
    return folder, ""
