"""A rehearsal: a backup restored beside the live stack, run until nothing waits, and compared with itself."""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.history.errors import HistoryError
from infra.places import cache_folder, stack_folder
from infra.settings import Settings, load_settings
from infra.stack import Ports, Stack, StackConfig
from infra.warehouse import connect
from infra.warehouse.moments import to_nanoseconds
from infra.warehouse.queries import queries
from signaltape.backup.errors import BackupError
from signaltape.backup.fitting import check_fit
from signaltape.backup.restoring import restore
from signaltape.draining import await_through
from signaltape.initialisation import initialise
from signaltape.reconcile import reconcile
from signaltape.supervision import Supervisor
from signaltape.verification.errors import VerificationError
from signaltape.verification.plan import Question
from signaltape.verification.verifying import verify

Say = Callable[[str], None]
#: What brings the copy to rest. No responder: it would deliver the copy's alerts to real receivers, and act on them.
SERVICES = ("store", "drift", "inference", "features", "ingest")
_HOUR_NS = 3_600_000_000_000
_LOOK_EVERY_S = 0.2


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that was shown, or not: ``ok`` None where there was nothing to look at."""

    name: str
    ok: bool | None
    detail: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Drill:
    """All steps, in order; a step that fails is the last one."""

    steps: tuple[Step, ...]

    @property
    def ok(self) -> bool:
        """True if every step was shown."""
        return all(step.ok is not False for step in self.steps)


def drill(source: Path, live: Path, deadline_s: float, say: Say = lambda _: None, *, keep: bool = False) -> Drill:
    """Restore a backup into ``<live>/drill`` on free ports, run it, look at it, and remove it (unless ``keep``).

    1. restore: digests of all archives; 2. start the servers, bring tables and topics to this release; 3. positions and
    model files belong together; 4. the services take what waited, and come to rest; 5. log and tables agree; 6. the
    last hour of bars gives again what was recorded. The live stack is not touched. Raises BackupError, StackError.
    """
    folder = live / "drill"
    if folder.exists():
        raise BackupError(f"{folder} is left from another rehearsal, or one is running: remove it, then repeat")
    steps: list[Step] = []
    try:
        _step(steps, say, "restore", lambda: _restored(source, folder))
        cache_folder(folder).symlink_to(cache_folder(live))
        with _servers(folder, live, steps, say) as settings:
            _look(settings, steps, say, deadline_s)
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    return Drill(steps=tuple(steps))


def _look(settings: Settings, steps: list[Step], say: Say, deadline_s: float) -> None:
    looks: Sequence[tuple[str, Callable[[], tuple[bool | None, str]]]] = (
        ("positions and model files", lambda: _fits(settings)),
        ("services come to rest", lambda: _at_rest(settings, deadline_s)),
        ("log and tables agree", lambda: _reconciled(settings)),
        ("the log gives what was recorded", lambda: _verified(settings)),
    )
    for name, look in looks:
        _step(steps, say, name, look)
        if steps[-1].ok is False:
            return


def _step(steps: list[Step], say: Say, name: str, look: Callable[[], tuple[bool | None, str]]) -> None:
    say(name)
    begun = time.monotonic()
    ok, detail = look()
    steps.append(Step(name=name, ok=ok, detail=detail, seconds=round(time.monotonic() - begun, 2)))


def _restored(source: Path, folder: Path) -> tuple[bool, str]:
    made = restore(source, folder)
    files = sum(part.files for part in made.parts.values())
    return True, f"{files:,} files, {made.content_bytes / 1e6:,.1f} MB, made at {made.made_at} by {made.program}"


@contextmanager
def _servers(folder: Path, live: Path, steps: list[Step], say: Say) -> Iterator[Settings]:
    config = StackConfig(data=stack_folder(folder), cache=cache_folder(live), ports=Ports.free(), brief=True)
    stack = Stack(config, progress=say)
    begun = time.monotonic()
    try:
        endpoints = stack.start()
        settings = load_settings(
            home=folder,
            kafka={"bootstrap_servers": endpoints.bootstrap_servers},
            postgres={"dsn": endpoints.postgres_dsn},
            redis={"url": endpoints.redis_url},
            metrics={"port": 0},
        )
        made = initialise(settings)
        detail = f"Kafka {endpoints.kafka_version}, Postgres {endpoints.postgres_version}"
        detail += f", {len(made.migrations)} migrations applied, {len(made.topics)} topics added"
        steps.append(Step(name="start", ok=True, detail=detail, seconds=round(time.monotonic() - begun, 2)))
        yield settings
    finally:
        stack.stop()


def _fits(settings: Settings) -> tuple[bool, str]:
    fit = check_fit(settings)
    if fit.misfits:
        return False, "; ".join(f"{one.where} {one.detail}" for one in fit.misfits)
    return True, f"{fit.positions} positions lie in the log, {fit.artifacts} model files are as registered"


def _at_rest(settings: Settings, deadline_s: float) -> tuple[bool, str]:
    environment = {
        "SIGNALTAPE_HOME": str(settings.home),
        "SIGNALTAPE_KAFKA__BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers,
        "SIGNALTAPE_POSTGRES__DSN": settings.postgres.dsn,
        "SIGNALTAPE_REDIS__URL": settings.redis.url,
        "SIGNALTAPE_METRICS__PORT": "0",
    }
    end = time.monotonic() + deadline_s
    with Supervisor(SERVICES, settings.home / "logs", environment) as supervisor:
        while missing := supervisor.not_ready(settings.home / "run"):
            if time.monotonic() > end:
                return (
                    False,
                    f"not ready after {deadline_s:g} s: {', '.join(missing)}; logs in {settings.home / 'logs'}",
                )
            time.sleep(_LOOK_EVERY_S)
        if left := await_through(settings, end - time.monotonic()):
            waits = ", ".join(f"{count:,} before {stage}" for stage, count in left)
            return False, f"messages wait after {deadline_s:g} s: {waits}"
        ended = supervisor.exits
    return not ended, f"restarts: {ended}" if ended else f"{', '.join(SERVICES)} are ready and nothing waits"


def _reconciled(settings: Settings) -> tuple[bool, str]:
    result = reconcile(settings)
    bad = [f"{row.stage}: {row.detail or f'{row.in_:,} in, {row.out:,} out'}" for row in result.rows if not row.ok]
    rows = sum(row.out for row in result.rows)
    return result.ok, "; ".join(bad) or f"{len(result.rows)} lines, {rows:,} rows"


def _verified(settings: Settings) -> tuple[bool | None, str]:
    with connect(settings, name="signaltape-drill") as connection:
        bounds: Any = connection.execute(queries("history")["bounds"]).fetchone()
    if bounds is None or bounds[1] is None:
        return None, "no bars are stored"
    last = to_nanoseconds(bounds[1])
    try:
        made = verify(settings, Question(start=last - _HOUR_NS, end=last))
    except (HistoryError, VerificationError) as error:
        return None, str(error)
    counts = ", ".join(f"{count:,} {stage}" for stage, count in made.equal.items() if count)
    if made.verdict == "not proven":
        return None, f"not proven: something of the last hour is not there to compare with ({counts} are equal)"
    return made.verdict == "equal", f"{made.verdict}: {counts}" + (f", {made.apart} differ" if made.apart else "")
