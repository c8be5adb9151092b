"""Settings of the services, one group each."""

from typing import Literal

from pydantic import Field

from infra.settings_group import Group


class IngestSettings(Group):
    """How the ingest gathers, merges and watches.

    gather_s: how long a read waits for bars to gather. batch: bars a round at the most. patience_s: how long a
    partition that isn't read to its end may hold back the others. lateness_s: how far the watermark stays behind the
    newest close. idle_s: a partition of `bars-in` without a bar for so long holds nothing back. release_after_s: all
    of them silent for so long, and the feed is released. feed_timeout_s: a feed of `bars` silent for so long is
    released as timed out. feed_lookback_s: how far back open feeds are looked for at the start. future_tolerance_s:
    how far a close may lie ahead of the clock. lag_s: publication lag of bars that name no `available_time`.
    """

    feed: str = "bars-in"
    gather_s: float = Field(default=0.005, gt=0, le=1)
    batch: int = Field(default=10_000, ge=1)
    patience_s: float = Field(default=0.2, ge=0)
    lateness_s: float = Field(default=1.0, ge=0)
    idle_s: float = Field(default=5.0, gt=0)
    release_after_s: float = Field(default=60.0, gt=0)
    feed_timeout_s: float = Field(default=60.0, gt=0)
    feed_lookback_s: float = Field(default=86_400.0, gt=0)
    future_tolerance_s: float = Field(default=5.0, ge=0)
    lag_s: float = Field(default=0.0, ge=0)
    commit_every_s: float = Field(default=0.2, ge=0)


class DriftSettings(Group):
    """How the drift agent measures, and when it makes its state durable.

    minimum_names: symbols that a cross-section (IC) or a day (PSI) needs before a number is given. lookback: sessions
    with an IC that are remembered as evidence. confidence: of the interval around an IC. A checkpoint is written when
    a session closes, after checkpoint_messages messages, after checkpoint_every_s, and once nothing has come for
    checkpoint_idle_s. alert_format: form of alerts on their topic. lock_check_s: how often the hold on being the only
    agent is confirmed.
    """

    minimum_names: int = Field(default=20, ge=4)
    lookback: int = Field(default=60, ge=5)
    confidence: float = Field(default=0.95, gt=0, lt=1)
    checkpoint_messages: int = Field(default=20_000, ge=1)
    checkpoint_every_s: float = Field(default=15.0, gt=0)
    checkpoint_idle_s: float = Field(default=0.5, gt=0)
    alert_format: Literal["msgpack", "json"] = "msgpack"
    lock_check_s: float = Field(default=2.0, gt=0)
