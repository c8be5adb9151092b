"""Settings of the responder: where alerts are handed to, and what may be done about them without a person."""

from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from infra.settings_group import Group
from pipeline.delivery import RetryRule
from pipeline.deployments import ModelRef
from pipeline.guard.policy import RUNGS, GuardPolicy


class ResponderSettings(Group):
    """How alerts are delivered beside their topic.

    webhook_url: alerts are posted there as JSON; empty: no webhook. webhook_token: sent as `Authorization: Bearer …`,
    and logged nowhere. file: JSON lines are appended to it; None: no file. timeout_s: for a whole request.
    max_body_bytes: a longer alert is sent without its evidence. attempts, first_retry_s, longest_retry_s: a failed
    delivery is repeated after a pause that doubles; after the last attempt it is a dead letter. lock_check_s: how
    often the hold on being the only responder is confirmed. poll_s: how often a sink looks for work at the least.
    """

    webhook_url: str = Field(default="", repr=False)
    webhook_token: str = Field(default="", repr=False)
    file: Path | None = None
    timeout_s: float = Field(default=10.0, gt=0, le=300)
    max_body_bytes: int = Field(default=262_144, ge=32_768)
    attempts: int = Field(default=12, ge=1, le=1_000)
    first_retry_s: float = Field(default=1.0, gt=0)
    longest_retry_s: float = Field(default=300.0, gt=0)
    lock_check_s: float = Field(default=2.0, gt=0)
    poll_s: float = Field(default=0.5, gt=0, le=60)

    @field_validator("webhook_url")
    @classmethod
    def _usable(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            port = parts.port
        except ValueError:
            raise ValueError("no URL") from None
        if value and (parts.scheme not in ("http", "https") or not parts.hostname or port == 0):
            raise ValueError("expected http:// or https:// and a host")
        if parts.username is not None or parts.password is not None:
            raise ValueError("a password does not belong into the URL: use responder.webhook_token")
        if not value.isascii() or not value.isprintable() or " " in value:
            raise ValueError("only printable ASCII without spaces; write others percent-encoded")
        return value

    @field_validator("webhook_token")
    @classmethod
    def _sendable(cls, value: str) -> str:
        if not value.isascii() or (value and not value.isprintable()) or " " in value:
            raise ValueError("only printable ASCII without spaces")
        return value

    @property
    def sinks(self) -> tuple[str, ...]:
        """Names of those that are set up."""
        return (*(("webhook",) if self.webhook_url else ()), *(("file",) if self.file is not None else ()))

    def retry_rule(self) -> RetryRule:
        """The same for the delivery."""
        return RetryRule(attempts=self.attempts, first_s=self.first_retry_s, longest_s=self.longest_retry_s)


class GuardSettings(Group):
    """What is done about alerts: see `pipeline.guard.policy`. fallbacks: strategy → NAME:VERSION."""

    mode: Literal["off", "dry_run", "act"] = "dry_run"
    severity: Literal["info", "warning", "severe", "urgent"] = "severe"
    ladder: tuple[str, ...] = RUNGS
    steps_per_session: int = Field(default=1, ge=1)
    cooldown_sessions: int = Field(default=3, ge=0)
    reset_sessions: int = Field(default=20, ge=1)
    minimum_scale: float = Field(default=0.1, ge=0, le=1)
    fallbacks: dict[str, str] = Field(default_factory=dict)
    ignored_policies: tuple[str, ...] = ("operations", "business")
    max_age_s: float = Field(default=86_400.0, gt=0)

    @model_validator(mode="after")
    def _consistent(self) -> "GuardSettings":
        self.policy()
        return self

    def policy(self) -> GuardPolicy:
        """The same for the guard."""
        values: dict[str, Any] = self.model_dump(exclude={"fallbacks"})
        return GuardPolicy(**values, fallbacks={one: _ref(one, text) for one, text in self.fallbacks.items()})


def _ref(strategy: str, text: str) -> ModelRef:
    name, _, version = text.rpartition(":")
    if not name or not (version.isascii() and version.isdecimal()) or int(version) < 1:
        raise ValueError(f"fallback of {strategy}: {text!r} is no NAME:VERSION")
    return ModelRef(name=name, version=int(version))
