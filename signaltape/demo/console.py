"""Progress for people, on stderr: what is being done, how far it is, how long it took."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Console:
    """Says each step, what it is doing every two seconds, and its duration. Writes nothing to stdout."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._terminal = sys.stderr.isatty()
        self._detail = ""

    def say(self, text: str) -> None:
        """Show what the step at hand is doing."""
        self._detail = text

    def notice(self, text: str) -> None:
        """Print a line of its own."""
        self._write(f"  {text}\n")

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Announce a step; while it runs, show its detail and its time every two seconds."""
        begun, done = time.monotonic(), threading.Event()
        self._detail = ""
        self._write(f"▸ {text} …" + ("" if self._terminal else "\n"))

        def tick() -> None:
            while not done.wait(2.0):
                line = f"▸ {text} … {time.monotonic() - begun:.0f} s  {self._detail}"
                self._write(f"\r\033[K{line[:110]}" if self._terminal else f"  {line[2:]}\n")

        ticker = threading.Thread(target=tick, daemon=True)
        ticker.start()
        failed = True
        try:
            yield
            failed = False
        finally:
            done.set()
            ticker.join()
            took = f"{time.monotonic() - begun:.1f} s"
            mark, outcome = ("✗", "stopped after ") if failed else ("✓", "")
            self._write(
                f"\r\033[K{mark} {text}: {outcome}{took}\n" if self._terminal else f"{mark} {text}: {outcome}{took}\n"
            )

    def _write(self, text: str) -> None:
        if not self._quiet:
            sys.stderr.write(text)
            sys.stderr.flush()
