"""Processes forked off one that has imported what all of them need: a start costs the fork, not a second of imports.

What is forked has run none of the product's code but its imports, holds no thread, no connection and no file of it, and
gets its arguments, environment, folder and log as a command started by a shell does. One forking process serves a test
process. `tests/acceptance` has runs by the command itself.
"""

import multiprocessing
import os
import runpy
import sys
from collections.abc import Mapping
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

#: Modules that exist once a service runs, and what tests kill in the middle. Missing ones would only be slower.
PRELOAD = (
    "__main__",
    "pytest",
    "signaltape.cli.run",
    "signaltape.extensions",
    "infra.settings",
    "consumers.store.main",
    "consumers.responder.main",
    "consumers.drift_agent.main",
    "consumers.inference.main",
    "consumers.feature_agent.main",
    "consumers.ingest.main",
    "signaltape.http.main",
    "signaltape.monitor.service",
    "signaltape.backfill",
    "signaltape.promotion.swaps",
)


def context(*more: str) -> ForkServerContext:
    """Return the context whose processes are forked off the one with everything imported; ``more``, if it is new."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload([*PRELOAD, *more])
    return found


def start_module(module: str, arguments: list[str], environment: Mapping[str, str], log: Path) -> ForkServerProcess:
    """Run ``python -m module`` with ``arguments`` in a session of its own; output is added to ``log``."""
    root = Path(__file__).resolve().parents[2]
    log.touch()  # there is something to read at once
    place = (dict(environment), str(log), str(root))
    process = context().Process(target=_run, args=(module, arguments, *place), daemon=True)
    process.start()
    return process


def _run(module: str, arguments: list[str], environment: dict[str, str], log: str, folder: str) -> None:
    os.setsid()
    os.chdir(folder)
    for number, place, how in ((0, os.devnull, os.O_RDONLY), (1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)):
        opened = os.open(place, how, 0o644)
        os.dup2(opened, number)
        os.close(opened)
    os.dup2(1, 2)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
