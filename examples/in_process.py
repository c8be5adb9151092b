"""The pipeline inside this process: bars of a file become signals, without Kafka, Postgres or Redis.

    python examples/in_process.py bars.csv --interval 1m --stamp close --model artifacts/intraday/1

``--model`` is a folder with model.onnx, golden.json and manifest.json, as below the data folder's ``artifacts``. The
runtime is the inference consumer's own: the same checks at loading, chunks, deadline, breaker and fallback.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from consumers.inference.models import LoadedModels
from infra.scoring.folder_registry import FolderRegistry
from infra.scoring.manifest import ModelManifest
from infra.service_settings import InferenceSettings
from pipeline.engine import LogMessage
from pipeline.flow import FlowConfig, flow
from pipeline.offline import cross_sections
from producers.bar_files import read_bars
from schemas.bars import Watermark
from schemas.control import ControlEvent
from schemas.signals import Signal

STRATEGY = "in-process"


def log_of(bars: Path, interval: str, stamp: str, manifest: ModelManifest) -> Iterator[tuple[int, LogMessage]]:
    """What would lie in the topic ``bars``: the feed opens, a model goes live, then one cross-section after another."""
    sections = cross_sections(read_bars(bars, interval, stamp), interval)
    yield 0, Watermark(feed="offline", event_time=0, state="open")
    yield 0, ControlEvent(
        event_id="live", action="activate", effective_from=0, issued_at=0, issued_by="example", control_offset=0,
        strategy=STRATEGY, model=manifest.name, model_version=manifest.version,
    )  # fmt: skip
    for section in sections:
        yield 0, section


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("bars", type=Path)
    parser.add_argument("--interval", required=True)
    parser.add_argument("--stamp", required=True, choices=("open", "close"))
    parser.add_argument("--model", type=Path, required=True)
    arguments = parser.parse_args()

    registry = FolderRegistry(arguments.model)
    models = LoadedModels(registry, InferenceSettings())
    manifest = registry.manifest
    config = FlowConfig(feature_sets=(manifest.feature_set,))
    for flowed in flow(log_of(arguments.bars, arguments.interval, arguments.stamp, manifest), config, models):
        for output in flowed.outputs:
            for message in output.signals:
                if isinstance(message, Signal):
                    said = {name: getattr(message, name) for name in ("signal_id", "symbol", "signal", "score")}
                    print(json.dumps({**said, "event_time": message.event_time, "confidence": message.confidence}))


if __name__ == "__main__":
    main()
