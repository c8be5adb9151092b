"""The audit trail where Postgres is away: the change goes on, and the log says what the table hasn't."""

import asyncio

import pytest

from infra.settings import load_settings
from infra.warehouse.audit import AuditLine
from signaltape.http import trail as module
from signaltape.http.trail import AuditTrail

LINE = AuditLine(
    request_id="r1", who="anna", client="192.0.2.7", call="POST /pause", outcome="asked",
    detail={"why": "x", "call": "an entry must not hide what is recorded"},
)  # fmt: skip


@pytest.fixture
def trail(monkeypatch: pytest.MonkeyPatch) -> AuditTrail:
    monkeypatch.setattr(module, "_PATIENCE_S", 30.0)  # nothing hangs here: it only takes a loaded machine longer
    return AuditTrail(load_settings(postgres={"dsn": "postgresql://u:a-word@127.0.0.1:1/d"}))


async def test_a_change_goes_on_and_the_log_says_so(trail: AuditTrail, capsys: pytest.CaptureFixture[str]) -> None:
    await asyncio.wait_for(trail.stored(LINE), 20)
    trail.close()
    said = capsys.readouterr().err
    assert "audit_not_stored" in said
    assert '"request_id": "r1"' in said
    assert "a-word" not in said


def test_what_waits_is_bounded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], trail: AuditTrail
) -> None:
    held = module.threading.Event()
    monkeypatch.setattr(trail, "_store", lambda _: held.wait(10))
    taken = [trail.add(LINE) for _ in range(module._MOST_WAITING + 3)]
    held.set()
    trail.close()
    assert [one is None for one in taken[-3:]] == [True] * 3
    assert "too many lines wait" in capsys.readouterr().err


def test_what_is_asked_for_cannot_pass_for_what_is_recorded(monkeypatch: pytest.MonkeyPatch, trail: AuditTrail) -> None:
    said: list[dict[str, object]] = []

    class Log:
        def info(self, _: str, **line: object) -> None:
            said.append(line)

        error = info

    monkeypatch.setattr(module, "get_logger", Log)
    trail.add(LINE)
    trail.close()
    assert (said[0]["call"], said[0]["why"], said[0]["who"]) == ("POST /pause", "x", "anna")
