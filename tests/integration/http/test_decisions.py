"""The API while no inference runs: decisions are written at once though none arrives; faults of its own show."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator

import httpx
import pytest

from consumers.inference.restore import control_events
from infra.settings import Settings
from infra.telemetry.health import Health
from signaltape.http.backend import Backend
from signaltape.initialisation import initialise
from tests.integration.http.conftest import TOKEN
from tests.support.api import Api, running_api
from tests.support.isolation import process_environment
from tests.support.waiting import wait_for

AT_ONCE = 16
#: Memory is limited before anything is loaded, and before Kafka is asked for: there is none here.
SHOW_LIMIT = """
from consumers.service import Context
from infra.errors import OperatorError
from infra.scoring import session
from infra.settings import load_settings
from infra.telemetry.health import Health
from signaltape.http import main
try:
    main._body(Context(settings=load_settings(), instance=0, health=Health()))
except OperatorError:
    print(session._memory.limited)
"""


@pytest.fixture
def place(make_settings: Callable[..., Settings]) -> Settings:
    settings = make_settings(api={"port": 0, "token": TOKEN, "request_timeout_s": 8})
    initialise(settings)
    return settings


async def pauses(api: Api, count: int) -> list[httpx.Response]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(base_url=api.base_url, headers=headers, timeout=90) as client:
        asked = [client.post("/pause", json={"reason": f"r{n}", "symbols": [f"S{n}"]}) for n in range(count)]
        return await asyncio.gather(*asked)


@pytest.mark.slow
def test_decisions_that_wait_hold_up_no_other(place: Settings) -> None:
    with running_api(place, token=TOKEN) as api:
        answers = asyncio.run(pauses(api, AT_ONCE + 4))
    written = {event.reason for event in control_events(place, AT_ONCE + 4)}
    assert len(written) >= AT_ONCE
    for number, answer in enumerate(answers):
        error = answer.json()["error"]
        if f"r{number}" in written:
            assert (answer.status_code, error["code"]) in ((504, "not_received"), (504, "timeout")), answer.text
        else:
            assert (answer.status_code, error["code"]) == (503, "not_written"), answer.text
            assert "was not written" in error["message"]


@pytest.fixture
def backend(place: Settings) -> Iterator[Backend]:
    found = Backend(place, Health())
    yield found
    found.close()


def test_a_fault_of_the_look_out_shows_and_passes(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    def checks() -> dict[str, dict[str, object]]:
        found: dict[str, dict[str, object]] = backend.health.report()[1]["checks"]
        return found

    backend.start()
    with monkeypatch.context() as broken:
        broken.setattr(backend.view, "everywhere", lambda _: 1 // 0)
        wait_for(lambda: not checks().get("look-out", {"ok": True})["ok"], 30, "the fault to show")
        assert "ZeroDivisionError" in str(checks()["look-out"]["detail"])
    wait_for(lambda: checks()["look-out"]["ok"], 30, "the look-out to go on")


@pytest.mark.slow
def test_the_api_limits_the_memory_of_models(place: Settings) -> None:
    nowhere = process_environment(place, SIGNALTAPE_KAFKA='{"bootstrap_servers": "127.0.0.1:1"}')
    done = subprocess.run(
        [sys.executable, "-c", SHOW_LIMIT], env=nowhere, capture_output=True, text=True, timeout=240, check=True
    )
    assert done.stdout.splitlines()[-1:] == ["True"], done.stderr
