"""A function run in a process of its own that dies at a crash point; the imports are paid for once."""

import os
from collections.abc import Callable
from typing import Any

from infra.crash_points import VARIABLE
from tests.support.forked import context


def exit_code_at(place: str, preload: list[str], target: Callable[..., Any], *arguments: object) -> int | None:
    """Run ``target`` (of an importable module) until it reaches ``place``; minus the signal's number if it died."""
    process = context(*preload).Process(target=_run, args=(place, target, arguments))
    process.start()
    process.join(120)
    try:
        return process.exitcode
    finally:
        process.kill()
        process.join()


def _run(place: str, target: Callable[..., Any], arguments: tuple[object, ...]) -> None:
    os.environ[VARIABLE] = place
    target(*arguments)
