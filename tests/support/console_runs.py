"""Replays and backtests for the console's pages, made by what makes them, without agents and bars."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.settings import Settings
from signaltape.backtest.summaries import write_summaries
from signaltape.replay.errors import ReplayCancelled
from signaltape.replay.record import ReplayRecord, claimed
from signaltape.replay.steering import Steering
from tests.support.backtests import backtested, daily_closes, minute_closes, sections
from tests.support.console_world import ConsoleWorld

PROGRESS = {"event_time": "2026-01-02T15:00:00Z", "bars": 30, "of": 90, "lead_bars": 0, "bars_per_s": 60,
            "waiting": {"features": 2}}  # fmt: skip
REQUEST = {"from": "2026-01-02T14:30:00Z", "to": "2026-01-02T16:00:00Z", "symbols": ["A"], "speed": "60x",
           "source": "store", "model": None}  # fmt: skip


@contextmanager
def replaying(settings: Settings, ident: str) -> Iterator[ReplayRecord]:
    """A replay that holds its folder and obeys wishes as every replay does, without agents and messages."""
    record = ReplayRecord(ident=ident, request=REQUEST, created_at="2026-01-02T14:30:00+00:00")
    stop = threading.Event()
    with claimed(settings, record) as claim:
        claim.note(state="running", progress=PROGRESS)
        steering = Steering(claim, "max")

        def obey() -> None:
            while not stop.is_set():
                try:
                    steering.look()
                except ReplayCancelled:
                    claim.note(state="cancelled")
                    return
                stop.wait(0.05)

        thread = threading.Thread(target=obey)
        thread.start()
        try:
            yield record
        finally:
            (settings.home / "replays" / ident / "wish").write_text("cancel")
            stop.set()
            thread.join()


def state_of(world: ConsoleWorld, ident: str) -> str:
    found = world.api.get("/console/api/runs/replays").json()["replays"]
    return str(next(one["state"] for one in found if one["ident"] == ident))


def steer(
    world: ConsoleWorld, ident: str, action: str, expected: str, *, token: str | None = None, build: str | None = None
) -> Any:
    """The answer to a change that a page would ask for; ``build``: of another page than the server's own."""
    shown = world.token if token is None else token
    own = world.api.get("/console/runs").headers["x-signaltape-build"]
    return world.api.post(
        f"/console/api/runs/replays/{ident}/{action}",
        json={"expected": expected, "reason": "a test of the console"},
        headers={"Authorization": f"Bearer {shown}", "X-Signaltape-Build": own if build is None else build},
    )


def written(settings: Settings, name: str, *, daily: bool = True, notes: tuple[str, ...] = ()) -> Path:
    """A backtest's folder, as the command leaves it."""
    folder = settings.home / "backtests" / name
    folder.mkdir(parents=True)
    times = daily_closes(60) if daily else minute_closes(1, 30)
    interval = "1d" if daily else "1m"
    made, prices = backtested(folder, sections(times, symbols=12, interval=interval), interval=interval, notes=notes)
    write_summaries(made, prices)
    return folder
