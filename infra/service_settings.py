"""Settings of the services, one group each."""

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
