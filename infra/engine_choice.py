"""What the settings make engine and inference do: the same for every process that steps one."""

from infra.settings import Settings
from pipeline.engine_types import EngineConfig
from pipeline.routing.options import InferenceOptions


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


def inference_options(settings: Settings) -> InferenceOptions:
    """What the core of the inference is told under these settings."""
    return InferenceOptions(fresh_bars=settings.inference.fresh_bars, router=settings.router.options())
