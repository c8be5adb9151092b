"""The daily job on a real database: an empty one, restarts, a missed run, a dead one."""

import json
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from infra.settings import Settings
from infra.warehouse import connect
from signaltape.daily.run import make_report, write_report
from signaltape.daily.service import follow, run_day
from signaltape.initialisation import initialise
from tests.support.commands import runner

DAY = date(2024, 5, 2)
NOW = datetime(2024, 5, 2, 6, 0, 1, tzinfo=UTC)


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    made = make_settings(retraining={"scheduled": True})
    initialise(made)
    return made


def days(settings: Settings) -> list[tuple[date, str, dict[str, object]]]:
    with connect(settings) as connection:
        rows = connection.execute("SELECT day, status, detail FROM daily_runs ORDER BY day").fetchall()
    return [(*row,) for row in rows]


def test_once_a_day_through_restarts(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    now, looked = [NOW - timedelta(hours=1)], threading.Event()

    def service(until: int) -> None:
        """A process that lives until so many days are done, or has found nothing to do."""
        stop = threading.Event()

        def confirm() -> None:
            if len(days(settings)) >= until and looked.is_set():
                stop.set()
            looked.set()

        looked.clear()
        worker = threading.Thread(target=follow, args=(settings, stop, confirm, lambda: now[0]))
        worker.start()
        while worker.is_alive():
            worker.join(0.05)
            if looked.is_set() and len(days(settings)) >= until and days(settings)[-1][1] == "done":
                stop.set()

    service(1)  # five in the morning, and it never ran: yesterday's run
    assert [(day, status) for day, status, _ in days(settings)] == [(date(2024, 5, 1), "done")]
    service(1)  # a restart finds nothing to do
    now[0] = NOW
    service(2)
    now[0] = NOW + timedelta(days=4)  # down for some days: one run
    service(3)
    assert [day.day for day, _, _ in days(settings)] == [1, 2, 6]
    report = settings.home / "reports" / "daily-2024-05-05.json"
    assert json.loads(report.read_text())["state"] == "no data"
    assert days(settings)[-1][2]["retraining"] == "none: quiet"

    with connect(settings) as connection:  # a process that died in the middle
        connection.execute("UPDATE daily_runs SET status = 'running' WHERE day = '2024-05-06'")
    assert run_day(settings, date(2024, 5, 6), now[0])
    assert days(settings)[-1][1] == "done"
    with connect(settings) as connection:
        assert connection.execute("SELECT count(*) FROM retraining_cycles").fetchone() == (4,)
    assert run_day(settings, date(2024, 5, 6), now[0])  # done: nothing happens
    with connect(settings) as connection:
        assert connection.execute("SELECT count(*) FROM retraining_cycles").fetchone() == (4,)

    run = runner(settings, monkeypatch, capsys)
    shown = run("daily", "--date", "2024-05-01", "--out", tmp_path / "out", "--json")
    document = json.loads(shown.out)
    assert (document["state"], len(document["decisions"])) == ("no data", 0)
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [".html", ".json", ".txt"]
    assert "Daily report" in run("daily").out
    assert run("daily", "--date", "yesterday").code == 2
    future = run("daily", "--date", "2999-01-01")
    assert (future.code, "has not ended yet" in future.err) == (1, True)
    (tmp_path / "file").write_text("")
    assert run("daily", "--out", tmp_path / "file").code == 1


def test_old_reports_make_way(settings: Settings, tmp_path: Path) -> None:
    for number in range(1, 5):
        write_report(make_report(settings, date(2024, 5, number), NOW + timedelta(days=9)), tmp_path, keep=2)
    assert sorted(path.name for path in tmp_path.glob("*.html")) == ["daily-2024-05-03.html", "daily-2024-05-04.html"]
    assert len(list(tmp_path.iterdir())) == 6
