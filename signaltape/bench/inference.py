"""Scoring alone: one boosted model of 200 trees over a cross-section, as the inference consumer calls it.

Baselines of the same run: one bare call of ONNX Runtime over all rows at once, which gives up that a row's bits don't
depend on its batch; and LightGBM's own prediction, one thread.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import onnxruntime

from infra.scoring.scorer import Scorer
from pipeline.features import FEATURE_SETS
from producers.simulation.market import MarketConfig, simulate
from signaltape.training import TrainOptions, train

ROWS, FEATURES, TREES = 5_000, 30, 200
_CALLS = 100


def run(say: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Return p50 and p99 in ms of each way, and the ratio of the medians to the bare call."""
    chosen = FEATURE_SETS["core"].names[:FEATURES]
    options = TrainOptions(name="bench", family="lightgbm", features=chosen, parameters={"trees": TREES})
    with tempfile.TemporaryDirectory(prefix="signaltape-bench-") as scratch:
        say("training")
        made = train(simulate(MarketConfig(symbols=60, seed=5)), options, Path(scratch))
        graph = Path(scratch) / made.manifest.onnx_file
        scorer = Scorer.load(graph, made.manifest.sha256, made.manifest)
        session = onnxruntime.InferenceSession(graph.read_bytes(), _one_thread(), providers=["CPUExecutionProvider"])
        native = lightgbm.Booster(model_file=str(Path(scratch) / "native.txt"))
        trees = native.num_trees()
    width = len(made.manifest.features)
    values = np.random.default_rng(3).normal(0.0, 1.0, (ROWS, len(FEATURE_SETS["core"].names)))
    valid = np.ones(values.shape, dtype=np.bool_)
    rows = values[:, :width].astype(np.float32)
    name = session.get_inputs()[0].name
    say("scoring")
    ways: dict[str, Callable[[], object]] = {
        "scorer": lambda: scorer.score(values, valid),
        "bare_call": lambda: session.run(["score", "confidence"], {name: rows}),
        "lightgbm": lambda: native.predict(rows, num_threads=1),
    }
    spans: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(_CALLS):  # one after the other: all three see the same machine
        for way, call in ways.items():
            begun = time.perf_counter()
            call()
            spans[way].append((time.perf_counter() - begun) * 1_000)
    medians = {way: float(np.median(found)) for way, found in spans.items()}
    return {
        "rows": ROWS,
        "features": width,
        "trees": trees,
        "calls": _CALLS,
        **{f"{way}_p50_ms": round(median, 2) for way, median in medians.items()},
        **{f"{way}_p99_ms": round(float(np.percentile(found, 99)), 2) for way, found in spans.items()},
        "rows_per_second": round(ROWS / medians["scorer"] * 1_000),
        "ratio": round(medians["bare_call"] / medians["scorer"], 2),
    }


def _one_thread() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return options
