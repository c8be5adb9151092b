"""What the settings make the engine compute: the same for every process that steps one."""

from infra.settings import Settings
from pipeline.engine_types import EngineConfig


def engine_config(settings: Settings, partition: int) -> EngineConfig:
    """What the engine of a partition computes under these settings."""
    return EngineConfig(
        partition=partition,
        partitions=settings.topics.partitions,
        feature_sets=settings.engine.feature_sets,
        horizons=settings.engine.horizons,
        ring=settings.engine.ring,
        primary_source=settings.engine.primary_source,
        quality=settings.quality.options(),
    )
