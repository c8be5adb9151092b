"""Logs of `predictions` and `returns` with a planted course of daily ICs, and what must follow from them.

The expectations use scipy and plain loops over the messages, none of the product's statistics.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.stats import norm, spearmanr

from schemas.bars import Watermark
from schemas.features import ReturnBatch
from schemas.intervals import DAY, HOUR
from schemas.link import Link
from schemas.predictions import FeatureStats, PredictionBatch, RouterSnapshot

Message = PredictionBatch | ReturnBatch | Watermark | RouterSnapshot | FeatureStats
Lane = tuple[str, int]
#: Name of a kind of day → range in which its IC lies.
KINDS = {"good": (0.06, 0.9), "weak": (0.011, 0.019), "poor": (0.001, 0.009), "bad": (-0.5, -0.001)}
CLOSE = 21 * HOUR


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Daily bars with horizon 1: day d's predictions mature on day d + 1, whose IC is of kind `days[d]`.

    A day `few` has only `few_names` symbols, a day `none` no bars at all. Scores are a normal distribution's quantiles
    around `shift[d]`, so that the PSI of a day without shift is near zero.
    """

    days: tuple[str, ...]
    symbols: int = 30
    partitions: int = 3
    first: int = 20_000
    few_names: int = 19
    shift: dict[int, float] = field(default_factory=dict)
    role: str = "live"
    strategy: str = "momentum"
    seed: int = 1


@dataclass(frozen=True, kw_only=True)
class Logs:
    """Messages by lane, and the rows behind them: prediction (time, symbol) → score; label → (session, return)."""

    lanes: dict[Lane, list[Message]]
    scores: dict[tuple[int, str], float]
    labels: dict[tuple[int, str], tuple[int, float]]

    def daily_ic(self, minimum: int = 20) -> dict[int, float | None]:
        """Session → mean over prediction times of scipy's Spearman; None below the minimum of names."""
        found: dict[int, dict[int, list[tuple[float, float]]]] = {}
        for key in self.labels.keys() & self.scores.keys():
            session, value = self.labels[key]
            found.setdefault(session, {}).setdefault(key[0], []).append((self.scores[key], value))
        return {
            session: float(np.mean(values)) if values else None
            for session, times in found.items()
            for values in [[spearmanr(*zip(*p, strict=True)).statistic for p in times.values() if len(p) >= minimum]]
        }

    def daily_psi(self, edges: list[float], counts: list[int], minimum: int = 20) -> dict[int, float | None]:
        """Session → PSI over the given inner edges, from all scores predicted in it; None below the minimum."""
        expected = np.maximum(np.array(counts) / sum(counts), 1e-6)
        days: dict[int, list[float]] = {}
        for (time, _), score in self.scores.items():
            days.setdefault((time - 1) // DAY, []).append(score)
        result: dict[int, float | None] = {}
        for session, scores in days.items():
            bins = np.histogram(scores, np.array([-np.inf, *edges, np.inf]))[0]
            actual = np.maximum(bins / len(scores), 1e-6)
            psi = float(np.sum((actual - expected) * np.log(actual / expected)))
            result[session] = psi if len(scores) >= minimum else None
        return result


def build(plan: Plan) -> Logs:
    """Write the logs of a plan."""
    rng = np.random.default_rng(plan.seed)
    names = [f"SYM{number:03d}" for number in range(plan.symbols)]
    lanes = {(topic, p): list[Message]() for topic in ("predictions", "returns") for p in range(plan.partitions)}
    writer = _Writer(lanes=lanes, plan=plan)
    logs = Logs(lanes=lanes, scores={}, labels={})
    start = plan.first * DAY + CLOSE
    writer.watermark(start - 1, "open", start - 1)
    before: tuple[int, list[str], np.ndarray] | None = None
    for number, kind in enumerate(plan.days):
        time = (plan.first + number) * DAY + CLOSE
        if kind == "none":
            continue
        if before is not None:
            writer.watermark(before[0], "advance", before[0])
            known, symbols, scores = before
            returns = _returns_with_ic(scores, kind, rng)
            logs.labels.update({(known, s): (plan.first + number, r) for s, r in zip(symbols, returns, strict=True)})
            writer.returns(time, known, dict(zip(symbols, returns, strict=True)))
        count = plan.few_names if number + 1 < len(plan.days) and plan.days[number + 1] == "few" else plan.symbols
        symbols = names[:count]
        scores = rng.permutation(norm.ppf((np.arange(count) + 0.5) / count)) + plan.shift.get(number, 0.0)
        logs.scores.update({(time, s): x for s, x in zip(symbols, scores.tolist(), strict=True)})
        writer.predictions(time, dict(zip(symbols, scores.tolist(), strict=True)))
        before = (time, symbols, scores)
    if before is not None:
        writer.watermark(before[0], "final", None)
    return logs


def _returns_with_ic(scores: np.ndarray, kind: str, rng: np.random.Generator) -> list[float]:
    """Returns whose rank correlation with the scores lies in the kind's range."""
    low, high = KINDS.get(kind, (-1.0, 1.0))
    ranks = scores.argsort().argsort()
    while True:
        returns = rng.normal(size=len(scores)) + (0.02 * ranks if kind == "good" else 0)
        if low <= spearmanr(scores, returns).statistic <= high:
            return [float(value) / 100 for value in returns]


@dataclass(kw_only=True)
class _Writer:
    """Appends messages to the lanes, with the chain of `returns`."""

    lanes: dict[Lane, list[Message]]
    plan: Plan
    offset: int = 0
    last: dict[int, tuple[int, int]] = field(default_factory=dict)

    def link(self, partition: int) -> Link:
        position = (self.offset, 0)
        link = Link(position=position, last_part=0, previous=self.last.get(partition))
        self.last[partition] = position
        return link

    def watermark(self, time: int, state: str, partition_time: int | None) -> None:
        self.offset += 1
        for lane, log in self.lanes.items():
            link = self.link(lane[1]) if lane[0] == "returns" else None
            log.append(Watermark(feed="test", event_time=time, state=state, link=link, partition_time=partition_time))

    def predictions(self, time: int, scores: dict[str, float]) -> None:
        for partition, rows in self._split(scores).items():
            n = len(rows)
            self.lanes["predictions", partition].append(
                PredictionBatch(
                    source_partition=partition,
                    source_position=(self.offset, 0),
                    strategy=self.plan.strategy,
                    model="ridge",
                    model_version=3,
                    model_sha256="0" * 64,
                    role=self.plan.role,
                    feature_set="core",
                    set_version=1,
                    set_hash="h",
                    interval="1d",
                    horizon=1,
                    event_time=time,
                    model_latency=1,
                    deadline_missed=False,
                    breaker_open=False,
                    symbols=tuple(rows),
                    score=np.array(list(rows.values())),
                    confidence=np.full(n, 0.5),
                    status=np.zeros(n, np.uint8),
                    direction=np.zeros(n, np.uint8),
                    outcome=np.zeros(n, np.uint8),
                )
            )

    def returns(self, time: int, prediction_time: int, values: dict[str, float]) -> None:
        self.offset += 1
        for partition, rows in self._split(values).items():
            self.lanes["returns", partition].append(
                ReturnBatch(
                    link=self.link(partition),
                    interval="1d",
                    horizon=1,
                    event_time=time,
                    available_time=time,
                    kind="live",
                    symbols=tuple(rows),
                    prediction_time=np.full(len(rows), prediction_time),
                    log_return=np.array(list(rows.values())),
                )
            )

    def _split(self, rows: dict[str, float]) -> dict[int, dict[str, float]]:
        """Rows by partition: by the number in the symbol's name."""
        split: dict[int, dict[str, float]] = {}
        for symbol, value in rows.items():
            split.setdefault(int(symbol[3:]) % self.plan.partitions, {})[symbol] = value
        return split
