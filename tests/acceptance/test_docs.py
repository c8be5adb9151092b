"""The pages that tell an operator and the four users what to do, done as they say: one stack, page after page.

What a block's fence says behind its language decides: `run` it is executed, `run background` is left running until the
end, `no-run (why)` is not executed. Every block of these pages says one of them.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.local_home import environment_of, new_home, scratch
from tests.support.markdown import ROOT, Block, parts
from tests.support.providers import chosen_provider
from tests.support.waiting import wait_for

pytestmark = pytest.mark.skipif(chosen_provider() != "local", reason="the pages are about the local stack")

FOLDERS = ("docs/roles", "docs/operations")
#: Where the order matters: servers first; models before bars of today, which lie behind all later decisions.
FIRST = ("start-stop", "researcher", "gateway", "operator", "feed-handler")
LAST = ("partitions", "backup")
_ALLOWED = re.compile(r"(sh|python) (run|run background|no-run \(.+\))|(?!sh|python).*")
_LIMIT_S = 240


def _order(page: Path) -> tuple[int, str]:
    if page.stem in FIRST:
        return FIRST.index(page.stem), page.stem
    return (len(FIRST) + 1 + LAST.index(page.stem) if page.stem in LAST else len(FIRST)), page.stem


PAGES = sorted((page for folder in FOLDERS for page in (ROOT / folder).glob("*.md")), key=_order)


@dataclass
class Stage:
    """A home folder, a working folder with the examples in it, and what runs in the background."""

    home: Path
    work: Path
    environment: dict[str, str]
    running: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def run(self, block: Block) -> None:
        """Run a block as its reader would; AssertionError with what it printed where it fails."""
        if "background" in block.info:
            log = (self.work / f"background-{len(self.running)}.log").open("wb")
            self.running.append(
                subprocess.Popen(["bash", "-c", f"exec {block.text}"], cwd=self.work, env=self.environment,
                                 stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
            )  # fmt: skip
            log.close()
            self._wait_ready()
            return
        begun = time.monotonic()
        command = ["bash", "-euo", "pipefail", "-c", block.text]
        if block.language == "python":
            command = [sys.executable, "-c", block.text]
        done = subprocess.run(
            command, cwd=self.work, env=self.environment, capture_output=True, text=True, check=False, timeout=_LIMIT_S
        )
        print(f"{block.place}: {time.monotonic() - begun:.1f} s")
        assert done.returncode == 0, f"{block.place} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"

    def _wait_ready(self) -> None:
        """Wait until each service of `run all` has said where it answers, and is ready."""
        from signaltape.service_table import PIPELINE
        from signaltape.supervision import not_ready

        folder = self.home / "run"
        wait_for(lambda: not not_ready(PIPELINE, folder), 90, "services ready", 0.2)

    def end(self) -> None:
        for process in self.running:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGTERM)
                process.wait(60)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with ExitStack() as cleanup:
        folder = cleanup.enter_context(scratch())
        home, work = new_home(folder / "home"), folder / "work"
        work.mkdir()
        (work / "examples").symlink_to(ROOT / "examples")
        environment = environment_of(home)
        environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
        environment["PYTHONPATH"] = str(ROOT)
        environment["SIGNALTAPE_API__PORT"] = "0"
        signaltape = [sys.executable, "-m", "signaltape"]
        cleanup.callback(subprocess.run, [*signaltape, "down"], env=environment, check=True, capture_output=True)
        made = Stage(home=home, work=work, environment=environment)
        cleanup.callback(made.end)
        yield made


@pytest.mark.timeout(600)  # a page is several commands, each a process, on a machine that has other tests to run
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
@pytest.mark.slow
def test_the_page_does_what_it_says(page: Path, stage: Stage) -> None:
    for block in parts(page)[1]:
        if re.match(r"\w+ run\b", block.info):
            stage.run(block)
            _note_broker(stage)


def _note_broker(stage: Stage) -> None:
    """Where the broker answers, for the client that knows nothing of our settings."""
    endpoints = stage.home / "stack" / "run" / "endpoints.json"
    stage.environment["BOOTSTRAP"] = json.loads(endpoints.read_text())["bootstrap_servers"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_says_whether_it_is_run(page: Path) -> None:
    silent = [block.place for block in parts(page)[1] if not _ALLOWED.fullmatch(block.info)]
    assert not silent, f"say `run`, `run background` or `no-run (why)` behind the fence: {silent}"
