"""`signaltape run features`."""

from consumers.feature_agent.agent import FeatureAgent
from consumers.feature_agent.takeover import group_name
from consumers.service import Context, run_service
from consumers.shell import Committer, Patience, Shell, ShellOptions
from consumers.shell.handler import TopicPartition
from infra.broker.admin import check_partitions
from infra.settings import Settings
from infra.telemetry.health import Health
from schemas.topics import TopicNames


def run(settings: Settings, instance: int = 0) -> int:
    """Run the feature agent until it is stopped; return the exit code: 0 stopped, 1 failed."""
    return run_service("features", instance, settings, body)


def body(context: Context, make: type[FeatureAgent] = FeatureAgent) -> None:
    """Run the agent inside a service; ``make`` is the class of its handler."""
    settings, health = context.settings, context.health
    check_partitions(settings)

    def make_handler(committer: Committer, patience: Patience) -> FeatureAgent:
        health.ready("started", True)
        return make(settings, committer, patience, f"features-{context.instance}")

    Shell(
        settings,
        group_name(settings),
        [TopicNames(settings.topics.prefix).bars],
        make_handler,
        options=ShellOptions(
            round_messages=settings.features.round_messages,
            session_timeout_s=settings.features.session_timeout_s,
            stall_after_s=settings.features.stall_after_s,
        ),
        stop=context.stop,
        report=lambda key, position, lag: _report(health, key, position, lag),
    ).run()


def _report(health: Health, key: TopicPartition, position: int, lag: int) -> None:
    health.progress(key[0], key[1], position, lag)
