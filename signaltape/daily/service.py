"""The daily job as a service: once a day, at a time of day in a set zone, whatever happens to the process."""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from consumers.service import Context, run_service
from infra.errors import OperatorError
from infra.settings import Settings
from infra.telemetry.logs import get_logger
from infra.warehouse.active_lock import ActiveLock
from infra.warehouse.connection import Warehouse
from infra.warehouse.daily import begin_day, end_day, newest_day
from signaltape.daily.run import last_session, make_report, reports_folder, write_report
from signaltape.daily.schedule import due, moment_of, next_moment
from signaltape.drift.revision import revise

SERVICE = "daily"
#: How long the service sleeps at the most: the clock may be set, the machine may sleep.
_LOOK_S = 30.0
#: After a run that failed.
_RETRY_S = 300.0


def run(settings: Settings, instance: int = 0) -> int:
    """Run the daily job until it is stopped; return the exit code. One instance is active, others wait."""
    return run_service(SERVICE, instance, settings, _body)


def _body(context: Context) -> None:
    lock = ActiveLock(context.settings, SERVICE)
    context.health.ready("started", True)
    try:
        if not lock.acquire(
            context.stop, lambda: get_logger().warning("standby", reason="another daily job is active")
        ):
            return
        follow(context.settings, context.stop, lock.check)
    finally:
        lock.release()


def follow(
    settings: Settings,
    stop: threading.Event,
    confirm: Callable[[], None],
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> None:
    """Run what is due until ``stop`` is set; ``confirm`` raises if this is no longer the active instance."""
    zone, log = ZoneInfo(settings.daily.zone), get_logger()
    while not stop.is_set():
        confirm()
        now = clock()
        day = due(now, _last(settings), settings.daily.at, zone)
        if day is None:
            stop.wait(min(_LOOK_S, max((next_moment(now, settings.daily.at, zone) - now).total_seconds(), 0.0) + 0.05))
            continue
        if not run_day(settings, day, now):
            log.warning("failed day", day=str(day), retry_s=_RETRY_S)
            stop.wait(_RETRY_S)


def run_day(settings: Settings, day: date, now: datetime) -> bool:
    """One day's work, recorded; False if it failed. A day that is done is not done again.

    1. The record. 2. Sessions whose returns were corrected are measured again. 3. Retraining cycles, if the setting
    asks for them; one that fails is in the report. 4. The report on the last session that had ended when the run was
    due, written below the data folder. 5. The record's end.
    """
    log = get_logger()
    with Warehouse(settings, "signaltape-daily") as warehouse:
        if not warehouse.run(lambda connection: begin_day(connection, SERVICE, day)):  # 1.
            return True
        try:
            revisions = len(revise(settings))  # 2.
            cycles = _cycles(settings) if settings.retraining.scheduled else "not scheduled"  # 3.
            planned = moment_of(day, settings.daily.at, ZoneInfo(settings.daily.zone))
            report = make_report(settings, last_session(min(planned, now)), now)  # 4.
            files = write_report(report, reports_folder(settings), settings.daily.keep)
        except OperatorError as error:
            reason = str(error)
            log.error("daily job failed", day=str(day), reason=reason)
            warehouse.run(lambda connection: end_day(connection, SERVICE, day, "failed", {"reason": reason}))
            return False
        detail = {"state": report.document["state"], "files": files, "retraining": cycles, "revisions": revisions}
        warehouse.run(lambda connection: end_day(connection, SERVICE, day, "done", detail))  # 5.
    log.info("daily report", day=str(day), state=detail["state"], page=files["html"])
    return True


def _cycles(settings: Settings) -> str:
    from signaltape.retraining import run_cycles

    try:
        found = run_cycles(settings, say=lambda text: get_logger().info("retraining", said=text))
    except Exception as error:
        # The report must come whatever retraining does; the cycle's own record says what it was.
        get_logger().exception("retraining failed")
        return f"failed: {error}"
    return "; ".join(f"{one.strategy or 'none'}: {one.status}" for one in found)


def _last(settings: Settings) -> date | None:
    with Warehouse(settings, "signaltape-daily") as warehouse:
        return warehouse.run(lambda connection: newest_day(connection, SERVICE))
