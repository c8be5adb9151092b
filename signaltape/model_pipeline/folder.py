"""A run's folder: its plan, the model, and a report for each stage that has ended."""

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from infra.scoring.files import write_atomically
from signaltape.model_pipeline.errors import PipelineStopped

PLAN_FILE, PAGE_FILE = "plan.json", "report.html"


@dataclass(frozen=True, kw_only=True, slots=True)
class StageReport:
    """What a stage found. ``status`` is ``passed`` or ``failed``, then with a ``reason``; times are ISO-8601 UTC."""

    number: int
    stage: str
    status: str
    reason: str
    started_at: str
    seconds: float
    detail: Mapping[str, Any]

    @property
    def passed(self) -> bool:
        """Whether the next stage may begin."""
        return self.status == "passed"


class RunFolder:
    """``<runs>/<run id>``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.model = path / "model"
        self.trained = path / "trained.json"

    @property
    def run_id(self) -> str:
        """The folder's name."""
        return self.path.name

    def write(self, name: str, data: bytes) -> None:
        """Write a file, whole or not at all. Raises PipelineStopped where that can't be done."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path / name, data)
        except OSError as error:
            raise PipelineStopped(f"{error.filename or self.path}: {error.strerror}; name another --runs") from error

    def keep(self, report: StageReport) -> None:
        """Write a stage's report; that of an earlier attempt makes way."""
        data = json.dumps(asdict(report), indent=2, allow_nan=False) + "\n"
        self.write(f"{report.number}-{report.stage}.json", data.encode())

    def report(self, number: int, stage: str) -> StageReport | None:
        """The report of a stage, None if it has not ended. Raises PipelineStopped for a file that is none."""
        path = self.path / f"{number}-{stage}.json"
        if not path.exists():
            return None
        try:
            return StageReport(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise PipelineStopped(
                f"{path}: not a stage's report ({error}); remove it to run the stage again"
            ) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run; PipelineStopped if another process works on it. A dead process holds nothing."""
        with (self.path / ".lock").open("wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise PipelineStopped(f"run {self.run_id} is under way in another process") from None
            yield
