"""The flow on one screen: bars → features → predictions → signals → drift, as functions of one log.

The feature agent, the inference consumer and the drift agent are these four steps with a broker in between; this is
the same without one. Nothing here reads a clock, so the same log gives the same bits, live, replayed or offline.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pipeline.drift.config import DriftConfig
from pipeline.drift.monitor import DriftMonitor, SessionReport
from pipeline.drift.training_reference import TrainingReference
from pipeline.engine import LogMessage, PartitionEngine
from pipeline.engine_types import EngineConfig, Step
from pipeline.features import FEATURE_SETS
from pipeline.partition_flow import PartitionFlow
from pipeline.routing.model_port import ModelPort
from pipeline.routing.options import InferenceOptions
from pipeline.routing.partition import Output, PartitionInference

References = Mapping[tuple[str, int], TrainingReference]


@dataclass(frozen=True, kw_only=True, slots=True)
class FlowConfig:
    """Choices of every stage.

    ``references``: what the drift of models (name, version) is judged against. ``statistics``: of features, which
    drift is measured by and no signal follows from.
    """

    partitions: int = 1
    feature_sets: tuple[str, ...] = ("core",)
    horizons: tuple[int, ...] = (1, 5, 20)
    inference: InferenceOptions = field(default_factory=InferenceOptions)
    references: References = field(default_factory=dict)
    statistics: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Flowed:
    """What one message of ``bars`` led to, stage by stage."""

    partition: int
    step: Step
    outputs: tuple[Output, ...]
    sessions: tuple[SessionReport, ...]


def flow(log: Iterable[tuple[int, LogMessage]], config: FlowConfig, models: ModelPort) -> Iterator[Flowed]:
    """Run (partition, message) pairs of ``bars``, in order within each partition, through every stage."""
    lanes = [partition_flow(number, config, models) for number in range(config.partitions)]
    monitor = DriftMonitor(DriftConfig(partitions=config.partitions))
    offsets = [0] * config.partitions
    for number, message in log:
        step, outputs = lanes[number].take(message, offsets[number])  # 1. bars → features and returns
        offsets[number] += 1  # 2. features → predictions and signals
        sessions = watch(monitor, number, step, outputs, config.references)  # 3. predictions and returns → drift
        yield Flowed(partition=number, step=step, outputs=outputs, sessions=sessions)


def partition_flow(number: int, config: FlowConfig, models: ModelPort) -> PartitionFlow:
    """One partition at the beginning of its log."""
    names = {name: FEATURE_SETS[name].names for name in config.feature_sets} if config.statistics else {}
    engine = EngineConfig(
        partition=number,
        partitions=config.partitions,
        feature_sets=config.feature_sets,
        horizons=config.horizons,
    )
    return PartitionFlow(
        engine=PartitionEngine(engine),
        inference=PartitionInference(partition=number, models=models, options=config.inference, feature_names=names),
    )


def watch(
    monitor: DriftMonitor, number: int, step: Step, outputs: Iterable[Output], references: References
) -> tuple[SessionReport, ...]:
    """Hand a partition's predictions and returns to the drift monitor; the sessions that closed with them."""
    lanes: list[tuple[str, object]] = []
    lanes += [("predictions", message) for output in outputs for message in output.predictions]
    lanes += [("returns", message) for message in step.returns]
    closed: list[SessionReport] = []
    for topic, message in lanes:
        model = monitor.unknown_model(message)
        if model is not None:
            monitor.learn(model, references.get(model, TrainingReference()))
        closed += monitor.step((topic, number), message)
    return tuple(closed)
