"""Settings of the responder and the guard that can't be used."""

from typing import Any

import pytest

from infra.settings import load_settings
from infra.settings_report import MASK, report
from pipeline.deployments import ModelRef


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"webhook_url": "ftp://h/x"}, "expected http:// or https:// and a host"),
        ({"webhook_url": "http://"}, "expected http:// or https:// and a host"),
        ({"webhook_url": "http://h:99999/"}, "no URL"),
        ({"webhook_url": "https://u:secret@h/"}, "a password does not belong into the URL"),
        ({"webhook_url": "https://h/a b"}, "only printable ASCII"),
        ({"webhook_token": "a\nb"}, "only printable ASCII"),
        ({"attempts": 0}, "greater than or equal to 1"),
    ],
)
def test_a_responder_setting_is_refused(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(Exception, match=why) as failure:
        load_settings(responder=fields)
    assert "secret" not in str(failure.value)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"mode": "on"}, "guard.mode"),
        ({"ladder": ["sell"]}, "ladder must hold some of"),
        ({"fallbacks": {"alpha": "ridge"}}, "fallback of alpha: 'ridge' is no NAME:VERSION"),
        ({"fallbacks": {"alpha": "ridge:0"}}, "is no NAME:VERSION"),
        ({"cooldown_sessions": 30}, "must be over cooldown_sessions"),
    ],
)
def test_a_guard_setting_is_refused(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(Exception, match=why):
        load_settings(guard=fields)


def test_dry_run_is_the_default_and_nothing_is_delivered() -> None:
    settings = load_settings()
    assert settings.guard.mode == "dry_run"
    assert settings.responder.sinks == ()


def test_fallbacks_become_models() -> None:
    policy = load_settings(guard={"fallbacks": {"alpha": "a:b:3"}}).guard.policy()
    assert policy.fallbacks == {"alpha": ModelRef(name="a:b", version=3)}


def test_token_and_address_are_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALTAPE_RESPONDER__WEBHOOK_URL", "https://hooks.example.org/topsecret")
    monkeypatch.setenv("SIGNALTAPE_RESPONDER__WEBHOOK_TOKEN", "topsecret")
    settings = load_settings()
    assert settings.responder.sinks == ("webhook",)
    assert "topsecret" not in repr(settings)
    shown = {one.name: one.value for one in report(settings)}
    assert shown["responder.webhook_url"] == shown["responder.webhook_token"] == MASK
