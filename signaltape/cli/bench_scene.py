"""Servers of its own for a benchmark."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from signaltape.demo.console import Console
    from signaltape.demo.scene import Scene


@contextmanager
def bench_scene(console: "Console") -> Iterator["Scene"]:
    """Fresh servers with topics and tables, stopped after the block."""
    from infra.settings import load_settings
    from signaltape.demo.scene import scene
    from signaltape.initialisation import initialise

    with scene(load_settings().home, console) as active:
        with console.step("creating topics and tables"):
            initialise(active.settings)
        yield active
