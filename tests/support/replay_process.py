"""`signaltape replay …` as a process of its own."""

import json
import signal
import subprocess
import sys
from typing import Any

from infra.settings import Settings
from pipeline.replay.naming import ReplayName
from signaltape.replay.record import ReplayRecord, read_record
from tests.support.isolation import process_environment
from tests.support.waiting import wait_for


class ReplayProcess:
    """A replay from ``start`` to ``end`` (ns UTC). Use as a context manager: what still runs at the end is killed."""

    def __init__(self, settings: Settings, ident: str, start: int, end: int, *options: str) -> None:
        self._settings, self.name = settings, ReplayName(ident)
        command = ["replay", "--id", ident, "--from", str(start), "--to", str(end), "--json", *options]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "signaltape", *command],
            env=process_environment(settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def record(self) -> ReplayRecord | None:
        return read_record(self._settings, self.name)

    def wait_for(self, state: str, bars: int = 0, deadline_s: float = 150.0) -> None:
        """Until it is in a state and has published so many bars of the range."""

        def there() -> bool:
            record = self.record
            assert self.process.poll() is None or state in ("done", "cancelled"), self.process.communicate()
            return record is not None and record.state == state and record.progress.get("bars", 0) >= bars

        wait_for(there, deadline_s, f"replay {self.name.ident} to be {state} with {bars} bars: {self.record}")

    def finish(self, code: int = 0, deadline_s: float = 120.0) -> tuple[str, str]:
        """Wait for its end; what it printed."""
        out, err = self.process.communicate(timeout=deadline_s)
        assert self.process.returncode == code, err
        return out, err

    def report(self) -> dict[str, Any]:
        """The last line that it printed, after a good end."""
        report: dict[str, Any] = json.loads(self.finish()[0].splitlines()[-1])
        return report

    def kill(self) -> None:
        """`kill -9`."""
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def __enter__(self) -> "ReplayProcess":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()
