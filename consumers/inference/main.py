"""The inference service."""

import gc
import os
import sys

from consumers.inference.intake import Intake
from consumers.inference.loop import InferenceLoop
from consumers.inference.models import LoadedModels
from consumers.inference.preparation import Preparation
from consumers.inference.report import RoundReport
from consumers.inference.workers import Workers
from consumers.service import Context, run_service
from infra.broker.admin import check_partitions
from infra.broker.dead_letters import DeadLetters
from infra.broker.publisher import Publisher
from infra.scoring.registry import ModelRegistry
from infra.scoring.session import limit_memory
from infra.settings import Settings
from schemas.topics import TopicNames

_GC_THRESHOLD = 50_000


def run(settings: Settings, instance: int = 0) -> int:
    """Run the inference consumer until it is stopped; return the exit code. Each instance needs its own number."""
    workers = Workers()
    code = run_service("inference", instance, settings, lambda context: _body(context, workers))
    if workers.lost:
        # A model that never returned is still computing: the libraries' own end would abort the process under it.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def _body(context: Context, workers: Workers) -> None:
    settings, names = context.settings, TopicNames(context.settings.topics.prefix)
    check_partitions(settings)
    limit_memory(settings.inference.model_memory_mb)
    models = LoadedModels(ModelRegistry(settings), settings.inference, workers=workers)
    letters = DeadLetters(Publisher(settings, f"inference-{context.instance}"), names, "inference")
    loop = InferenceLoop(
        settings,
        context.instance,
        models=models,
        intake=Intake(models, letters),
        report=RoundReport(context.health, names.features, settings.inference.shadow_tolerance),
        stop=context.stop,
    )
    gc.freeze()  # a collection over everything loaded would hold up a burst of signals
    gc.set_threshold(_GC_THRESHOLD)
    preparation = Preparation(settings, context.instance, models, loop.partitions)
    preparation.start()
    try:
        loop.run()
    finally:
        preparation.close()
