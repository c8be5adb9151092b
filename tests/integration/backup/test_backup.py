"""A backup of a pipeline under way: restored elsewhere it goes on, to the same rows, and a wrong pair is refused.

`make crash` runs it. `make slow` has the way in short: tests/acceptance/test_docs.py makes a backup and rehearses it.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.settings import Settings
from signaltape.backup.archive import unpack
from signaltape.backup.drill import SERVICES
from signaltape.backup.fitting import check_fit
from signaltape.reconcile import reconcile
from signaltape.supervision import Supervisor
from tests.support import services, world
from tests.support.content import check_sequence, content_of, difference
from tests.support.isolation import process_environment
from tests.support.local_home import command, new_home, scratch, up
from tests.support.providers import chosen_provider
from tests.support.verified import check_verified
from tests.support.waiting import wait_for

pytestmark = [
    pytest.mark.skipif(chosen_provider() != "local", reason="a backup is one of the local stack"),
    pytest.mark.long,
    pytest.mark.matrix,
]
TABLE = world.small_market(symbols=24, bars=90)
MIDDLE = sorted(set(TABLE.event_time.tolist()))[50]


@contextmanager
def pipeline(settings: Settings) -> Iterator[None]:
    """Every service, supervised as an operator runs them."""
    with Supervisor(SERVICES, settings.home / "logs", process_environment(settings), alone=True) as supervisor:
        wait_for(lambda: not supervisor.not_ready(settings.home / "run"), 60, "services ready")
        yield


def test_backup_restore_and_a_pair_that_does_not_fit(tmp_path: Path) -> None:
    with scratch() as folder:
        first, second, target = new_home(folder / "first"), new_home(folder / "second"), folder / "backup"
        try:
            expected = _backed_up_under_way(first, target, tmp_path)
            command(first, "down")
            _goes_on(second, target, expected)
            _database_newer_than_the_log(second, target)
        finally:
            for home in (first, second):
                command(home, "down")


def _backed_up_under_way(home: Path, target: Path, models: Path) -> dict[str, list[str]]:
    settings = up(home)
    before = json.loads(command(home, "status", "--json").stdout)["endpoints"]
    events = world.prepare(settings, models)
    with pipeline(settings):
        world.wait_relayed(settings, len(events))
        world.publish(settings, TABLE.between(end=MIDDLE))
        made = command(home, "backup", "create", "--to", str(target), "--json")
        assert made.returncode == 0, made.stderr
        assert json.loads(command(home, "status", "--json").stdout)["endpoints"] == before, "the same ports again"
        world.publish(settings, TABLE.between(start=MIDDLE))
        world.wait_drained(settings, 120)
    result = reconcile(settings)
    assert result.ok, [row for row in result.rows if not row.ok]
    assert not check_fit(settings).misfits
    return content_of(settings)


def _goes_on(home: Path, target: Path, expected: dict[str, list[str]]) -> None:
    restored = command(home, "backup", "restore", "--from", str(target))
    assert restored.returncode == 0, restored.stderr
    settings = up(home)
    assert command(home, "init").returncode == 0
    checked = command(home, "backup", "check")
    assert checked.returncode == 0, checked.stdout
    with pipeline(settings):
        world.publish(settings, TABLE.between(start=MIDDLE))
        world.wait_drained(settings, 120)
    assert not difference(expected, content_of(settings))
    check_sequence(settings)
    result = reconcile(settings)
    assert result.ok, [row for row in result.rows if not row.ok]
    check_verified(settings, starts=(False,))
    command(home, "down")


def _database_newer_than_the_log(home: Path, target: Path) -> None:
    """The log of the backup under the database of now, as if each had been restored from a day of its own."""
    shutil.rmtree(home / "stack" / "kafka")
    unpack(target / "kafka.tar.gz", home)
    settings = up(home)
    checked = command(home, "backup", "check")
    assert checked.returncode == 1
    assert "lies beyond the end of the log: the database is newer than the log" in checked.stdout
    assert {line.split()[1] for line in checked.stdout.splitlines() if line.startswith("✗")} >= {"features", "store"}
    for service in ("features", "store", "drift"):
        process = services.ServiceProcess(settings, service)
        assert process.wait_exit(60) == 1
        assert "before the checkpoint's" in process.tail()
        assert f"signaltape repair --service {service}" in process.tail()
