"""Settings of the services, one group each."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from infra.settings_group import Group
from pipeline.comparison.paired import COMPARED
from pipeline.comparison.verdict import ComparisonRules
from pipeline.quality.marks import QualityOptions
from pipeline.routing.options import RouterOptions
from schemas.intervals import SECOND


class IngestSettings(Group):
    """How the ingest gathers, merges and watches.

    feed: name of the feed that bars of `bars-in` become. commit_every_s: how often the group's offsets are committed.
    gather_s: how long a read waits for bars to gather. batch: bars a round at the most. patience_s: how long a
    partition that isn't read to its end may hold back the others. lateness_s: how far the watermark stays behind the
    newest close. idle_s: a partition of `bars-in` without a bar for so long holds nothing back; longer than patience_s,
    or an isolated bar would be forgotten before anything may be promised for it. release_after_s: all of them silent
    for so long, and the feed is released. feed_timeout_s: a feed of `bars` silent for so long is
    released as timed out. feed_lookback_s: how far back open feeds are looked for at the start. future_tolerance_s:
    how far a close may lie ahead of the clock. lag_s: publication lag of bars that name no `available_time`.
    """

    feed: str = "bars-in"
    gather_s: float = Field(default=0.005, gt=0, le=1)
    batch: int = Field(default=10_000, ge=1)
    patience_s: float = Field(default=0.2, ge=0)
    lateness_s: float = Field(default=1.0, ge=0)
    idle_s: float = Field(default=5.0, gt=0, validate_default=True)
    release_after_s: float = Field(default=60.0, gt=0)
    feed_timeout_s: float = Field(default=60.0, gt=0)
    feed_lookback_s: float = Field(default=86_400.0, gt=0)
    future_tolerance_s: float = Field(default=5.0, ge=0)
    lag_s: float = Field(default=0.0, ge=0)
    commit_every_s: float = Field(default=0.2, ge=0)

    @field_validator("idle_s")
    @classmethod
    def _outlasts_patience(cls, value: float, info: ValidationInfo) -> float:
        patience_s = info.data.get("patience_s")  # missing where it is wrong itself
        if patience_s is not None and value <= patience_s:
            raise ValueError(
                f"{value:g} must be greater than ingest.patience_s ({patience_s:g}): every isolated bar would go idle "
                "before its watermark may be promised"
            )
        return value


class EngineSettings(Group):
    """What the feature engine computes, the same in every service that runs it.

    feature_sets: sets that are computed (`signaltape features list`). horizons: of realised returns, in bars. ring: raw
    bars kept per symbol and interval. primary_source: the vendor whose bars make features; None: the first
    one seen for each symbol.
    """

    feature_sets: tuple[str, ...] = ("core",)
    horizons: tuple[int, ...] = (1, 5, 20)
    ring: int = Field(default=64, ge=2)
    primary_source: str | None = None


class QualitySettings(Group):
    """Thresholds of the marks that stored bars carry; they change no feature.

    spike_z: a log return is a spike beyond so many robust standard deviations of the 20 before it. spike_floor: the
    least that such a deviation counts as. stale_bars: so many bars in a row with one and the same price are stale.
    gap_factor: bars are missing where their number is over so many times the symbol's habit.
    """

    spike_z: float = Field(default=10.0, gt=0)
    spike_floor: float = Field(default=5e-4, gt=0)
    stale_bars: int = Field(default=10, ge=2, le=20)
    gap_factor: float = Field(default=3.0, ge=0)

    def options(self) -> QualityOptions:
        """The same for the engine."""
        return QualityOptions(**self.model_dump())


class FeaturesSettings(Group):
    """How the feature agent works.

    round_messages: messages in one round at the most. waiting_rounds: rounds that may wait to be stored while others
    are; those that wait go in one transaction. snapshot_messages, snapshot_s: a
    partition's state is made durable after so many messages, or so long after the last time. stall_after_s: a
    partition that stands still for so long while messages wait ends the process. stale_after_s: features whose bar
    closed longer ago are reported as stale. session_timeout_s: a consumer that Kafka has not heard of for so long loses
    its partitions.
    """

    round_messages: int = Field(default=200, ge=1)
    waiting_rounds: int = Field(default=8, ge=1)
    snapshot_messages: int = Field(default=20_000, ge=1)
    snapshot_s: float = Field(default=60.0, gt=0)
    stall_after_s: float = Field(default=60.0, gt=0)
    stale_after_s: float = Field(default=86_400.0, gt=0)
    session_timeout_s: float = Field(default=6.0, ge=1)


class RouterSettings(Group):
    """What the router lets through; control events of kind `parameters` override it at a bar time.

    name: part of every signal id. dedup_window_s: length of the window, in event time, that an emitted signal opens.
    emit: say a direction again on every bar outside the window, or only when it changes. symbols: empty means all.
    blocked_symbols: never get a signal. directions: those that may be sent.
    filter_confidence: rows below it make no signal, fallbacks (confidence 0) included.
    """

    name: str = Field(default="default", min_length=1)
    dedup_window_s: float = Field(default=5.0, ge=0)
    emit: Literal["every_bar", "on_change"] = "every_bar"
    symbols: tuple[str, ...] = ()
    blocked_symbols: tuple[str, ...] = ()
    directions: tuple[Literal["flat", "long", "short"], ...] = ("flat", "long", "short")
    filter_confidence: float = Field(default=0.0, ge=0, le=1)

    def options(self) -> RouterOptions:
        """The same for the router."""
        values = self.model_dump(exclude={"dedup_window_s"})
        return RouterOptions(dedup_window_ns=round(self.dedup_window_s * SECOND), **values)


class InferenceSettings(Group):
    """How the inference consumer works.

    deadline_ms: replaces the deadline that each model's manifest states. round_messages: messages in one
    transaction at the most. snapshot_batches, snapshot_event_s: how many batches, or how much event time, a router
    snapshot is apart from the next. snapshot_age_s: while nothing comes, a router snapshot that is older is written
    again; far less than `predictions` is kept. breaker_misses: misses in a row that open a model's breaker;
    breaker_probe: one call in so many then still asks the model. fresh_bars: how old a prediction may be to serve
    as fallback. shadow_tolerance: how far apart the scores of a shadow and the serving model (expected log returns)
    may be and still count as equal. signal_format: form of signals on their topic. retry_s: pause before what
    couldn't be reached or loaded is tried again. model_memory_mb: what the tensors of all models together may take;
    a call that needs more fails, which is a miss.
    """

    deadline_ms: float | None = Field(default=None, gt=0)
    round_messages: int = Field(default=64, ge=1)
    snapshot_batches: int = Field(default=1_000, ge=1)
    snapshot_event_s: float = Field(default=60.0, gt=0)
    snapshot_age_s: float = Field(default=86_400.0, gt=0)
    breaker_misses: int = Field(default=5, ge=1)
    breaker_probe: int = Field(default=20, ge=1)
    fresh_bars: int = Field(default=5, ge=0)
    shadow_tolerance: float = Field(default=1e-4, ge=0)
    signal_format: Literal["msgpack", "json"] = "msgpack"
    retry_s: float = Field(default=2.0, gt=0)
    model_memory_mb: int = Field(default=1_024, ge=16)


class DriftSettings(Group):
    """How the drift agent measures, what it alerts on, and when it makes its state durable.

    policy: calibrated, classic, or the path of a TOML file. minimum_names: symbols that a cross-section (IC) or a day
    (PSI) needs before a number is given. lookback: sessions with an IC that are remembered as evidence. confidence: of
    the interval around an IC. checkpoint_messages, checkpoint_every_s, checkpoint_idle_s: a checkpoint is written after
    so many messages, after so long, once nothing has come for so long, and when a session closes. alert_format: form of
    alerts on their topic. lock_check_s: how often the hold on being the only agent is confirmed. outbox_check_s: how
    often alerts that others wrote are looked for.
    """

    policy: str = "calibrated"
    minimum_names: int = Field(default=20, ge=4)
    lookback: int = Field(default=60, ge=5)
    confidence: float = Field(default=0.95, gt=0, lt=1)
    checkpoint_messages: int = Field(default=20_000, ge=1)
    checkpoint_every_s: float = Field(default=15.0, gt=0)
    checkpoint_idle_s: float = Field(default=0.5, gt=0)
    alert_format: Literal["msgpack", "json"] = "msgpack"
    lock_check_s: float = Field(default=2.0, gt=0)
    outbox_check_s: float = Field(default=1.0, gt=0)


class StoreSettings(Group):
    """How the store works.

    round_messages: messages in one transaction at the most. commit_every_s: how often the group's offsets in Kafka,
    which only show its lag, follow those in the warehouse. publish_repairs: put recomputed states into the log; False
    in a replay, whose log holds those of the first time.
    """

    round_messages: int = Field(default=2_000, ge=1)
    commit_every_s: float = Field(default=1.0, gt=0)
    publish_repairs: bool = True


class ComparisonSettings(Group):
    """When a challenger is better than the live model.

    primary: the metric that decides. confidence: of every interval. minimum_gain: what the primary must gain at the
    least. tolerated_percent: by so much another metric may be worse. minimum_rows: fewer decide nothing.
    """

    primary: str = "rank_ic"
    confidence: float = Field(default=0.95, ge=0.5, lt=1)
    minimum_gain: float = Field(default=0.0, ge=0)
    tolerated_percent: float = Field(default=1.0, ge=0)
    minimum_rows: int = Field(default=1_000, ge=1)

    @field_validator("primary")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in COMPARED:
            raise ValueError(f"use one of {', '.join(COMPARED)}")
        return value

    def rules(self) -> ComparisonRules:
        """The same for the comparator."""
        return ComparisonRules(**self.model_dump())


class PromotionSettings(Group):
    """What a promotion must show beside passed model tests and the comparator's verdict.

    shadow_bars: so many bars answered as a shadow of the strategy; 0 asks for none.
    """

    shadow_bars: int = Field(default=0, ge=0)
