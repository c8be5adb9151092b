"""Runs the stages in order, keeps their reports, stops at the first that fails, and goes on where a run has stopped."""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.crash_points import reach
from infra.errors import OperatorError
from infra.settings import Settings
from signaltape.model_pipeline.errors import PipelineStopped, StageFailed
from signaltape.model_pipeline.folder import PAGE_FILE, PLAN_FILE, RunFolder, StageReport
from signaltape.model_pipeline.judging import evaluated, registered, staged
from signaltape.model_pipeline.learning import fitted, tested, validated
from signaltape.model_pipeline.page import report_page
from signaltape.model_pipeline.plan import Plan, read_plan
from signaltape.model_pipeline.stand import Stand

#: Name → what it does; in this order.
STAGES: Mapping[str, Callable[[Stand], Mapping[str, Any]]] = {
    "validate": validated,
    "test": tested,
    "train": fitted,
    "evaluate": evaluated,
    "register": registered,
    "deploy": staged,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """Where a run stands: the reports of the stages that ended, in order."""

    run_id: str
    folder: Path
    reports: tuple[StageReport, ...]

    @property
    def passed(self) -> bool:
        """Every stage passed."""
        return len(self.reports) == len(STAGES) and all(one.passed for one in self.reports)

    def require(self) -> None:
        """Raise PipelineStopped naming the stage that failed, if one did."""
        for one in self.reports:
            if not one.passed:
                raise PipelineStopped(
                    f"run {self.run_id} stopped at stage {one.stage}: {one.reason}. Reports: {self.folder}; once "
                    f"that is solved: signaltape pipeline run --resume {self.run_id}"
                )


def runs_folder(settings: Settings) -> Path:
    """Where runs are kept unless somebody says otherwise."""
    return settings.home / "model-pipeline"


def start_run(settings: Settings, plan: Plan, runs: Path, say: Callable[[str], None]) -> Ended:
    """Begin a run; its folder appears below ``runs``. See ``_go_on``."""
    run_id = f"{plan.options.name}-{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
    folder = RunFolder(runs.absolute() / run_id)
    folder.write(PLAN_FILE, plan.to_json())
    return _go_on(settings, plan, folder, say)


def resume_run(settings: Settings, run_id: str, runs: Path, say: Callable[[str], None]) -> Ended:
    """Go on with a run at its first stage that has not passed. Raises PipelineStopped for one that isn't there."""
    folder = _folder(run_id, runs)
    return _go_on(settings, read_plan(folder.path / PLAN_FILE), folder, say)


def find_run(run_id: str, runs: Path) -> Ended:
    """Where a run stands; nothing is run. Raises PipelineStopped for one that isn't there."""
    return _state_of(_folder(run_id, runs))


def known_runs(runs: Path) -> list[Ended]:
    """All runs, oldest first."""
    if not runs.is_dir():
        return []
    plans = sorted(runs.glob(f"*/{PLAN_FILE}"), key=lambda path: path.stat().st_mtime_ns)
    return [_state_of(RunFolder(path.parent)) for path in plans]


def _folder(run_id: str, runs: Path) -> RunFolder:
    folder = RunFolder(runs.absolute() / run_id)
    if Path(run_id).name != run_id or not (folder.path / PLAN_FILE).is_file():
        raise PipelineStopped(f"there is no run {run_id!r} in {runs}; see `signaltape pipeline list`")
    return folder


def _state_of(folder: RunFolder) -> Ended:
    found = (folder.report(number, name) for number, name in enumerate(STAGES, 1))
    reports = tuple(one for one in found if one is not None)
    return Ended(run_id=folder.run_id, folder=folder.path, reports=reports)


def _go_on(settings: Settings, plan: Plan, folder: RunFolder, say: Callable[[str], None]) -> Ended:
    """Run what has not passed yet.

    For each stage: 1. Its report is looked for; one that passed is passed over. 2. It runs. 3. Its report is written,
    then the page over all of them. A death before 3 runs the stage again: each finds what it did before, and doing it
    twice adds nothing. What is not a stage's verdict but a fault of the program goes up, after its report.
    """
    with folder.locked():
        stand = Stand(settings=settings, plan=plan, folder=folder, reports={}, say=say)
        for number, name in enumerate(STAGES, 1):
            report = folder.report(number, name)  # 1.
            if report is None or not report.passed:
                say(f"stage {number} of {len(STAGES)}: {name}")
                report = _run(stand, number, name)  # 2. 3.
            stand.reports[name] = report
            folder.write(PAGE_FILE, report_page(folder.run_id, plan, tuple(stand.reports.values()), tuple(STAGES)))
            if not report.passed:
                break
        return _state_of(folder)


def _run(stand: Stand, number: int, name: str) -> StageReport:
    begun, start = datetime.now(UTC), time.monotonic()

    def made(status: str, reason: str, detail: Mapping[str, Any]) -> StageReport:
        report = StageReport(
            number=number,
            stage=name,
            status=status,
            reason=reason,
            started_at=begun.isoformat(),
            seconds=round(time.monotonic() - start, 3),
            detail=detail,
        )
        stand.folder.keep(report)
        return report

    try:
        detail = STAGES[name](stand)
    except StageFailed as failed:
        return made("failed", str(failed), failed.detail)
    except OperatorError as error:
        return made("failed", str(error), {})
    except Exception as error:
        made("failed", f"{type(error).__name__}: {error}", {})
        raise
    reach(f"pipeline.{name}")
    return made("passed", "", detail)
