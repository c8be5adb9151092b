"""A long backtest needs no more memory than a short one."""

import os
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import count
from pathlib import Path

import psutil
import pytest

from infra.scoring.folder_registry import FolderRegistry
from infra.scoring.untimed import UntimedModels
from infra.settings import load_settings
from pipeline.flow import FlowConfig, partition_flow
from pipeline.replay.aligning import LogEntry
from schemas.bars import Watermark
from signaltape.backtest import BacktestRequest, Choice, run
from signaltape.backtest.material import Material, activation
from tests.support.backtests import minute_closes, sections
from tests.support.linear_models import write_linear_model

pytestmark = pytest.mark.slow

#: Sessions of the short run, in which every buffer fills up, and how often as long the long one is.
SHORT, TIMES = 2, 50 if "SIGNALTAPE_LONG_BARS" in os.environ else 5
SYMBOLS = 100
#: Growth that is no growth with time: allocators, caches, samples that fill up to their bound.
BOUND = 24 * 2**20


def log(times: list[int], sizes: list[int]) -> Iterator[LogEntry]:
    """A log that nobody holds; notes the process's memory at the end of the first run's length, and at its own."""
    offsets = count()
    yield LogEntry(times[0] - 1, 0, next(offsets), Watermark(feed="drawn", event_time=times[0] - 1, state="open"))
    for at, section in enumerate(sections(times, symbols=SYMBOLS, interval="1m", often=0.0), start=1):
        time = section.event_time
        yield LogEntry(time, 0, next(offsets), section.bars[0])
        yield LogEntry(time, 0, next(offsets), Watermark(feed="drawn", event_time=time, state="advance"))
        if at in (SHORT * 390, len(times)):
            sizes.append(psutil.Process().memory_info().rss)


@pytest.mark.long
def test_memory_is_flat_in_the_length_of_the_range(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = write_linear_model(tmp_path / "model", weights={"logret_1": -0.5})
    models = UntimedModels(FolderRegistry(tmp_path / "model"))
    flow = partition_flow(0, FlowConfig(feature_sets=(manifest.feature_set,)), models)
    flow.inference.control.receive(activation(manifest), None)
    times, sizes = minute_closes(SHORT * TIMES), list[int]()
    material = Material(
        flows={0: flow}, entries=log(times, sizes), interval="1m", start=times[0], end=times[-1],
        bars=len(times) * SYMBOLS, models=models, begins={0: "the first bar"}, chosen=manifest,
    )  # fmt: skip
    monkeypatch.setattr(run, "_material", lambda *_: nullcontext(material))
    request = BacktestRequest(choice=Choice(model="linear-test"), out=tmp_path / "out")
    made = run.backtest(load_settings(), request)
    assert made.counts.bar_times == len(times)
    assert made.counts.signals > 50_000
    short, long = sizes
    assert long - short < BOUND, f"{(long - short) / 2**20:.0f} MB more"
