"""A chain of feature messages made by hand, and models whose scores are known, for tests of routing and inference."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.chain import Chain
from pipeline.deployments import ModelRef
from pipeline.routing.decision import Thresholds
from pipeline.routing.model_port import Answer, ModelTerms, ModelUnavailable
from pipeline.routing.partition import Output, PartitionInference
from schemas.bars import Watermark
from schemas.control import ControlEvent
from schemas.features import FeatureBatch
from schemas.intervals import SECOND

#: A Thursday, 14:30 UTC, in ns.
T0 = 1_700_145_000 * SECOND
SET, HASH = "tiny", "hash-of-tiny"

Message = FeatureBatch | Watermark | ControlEvent


@dataclass(kw_only=True)
class KnownModel:
    """Score = first feature, confidence = second feature. ``silent``: it misses its deadline."""

    terms: ModelTerms
    silent: bool = False


@dataclass
class KnownModels:
    """A model port over ``KnownModel``."""

    models: dict[ModelRef, KnownModel] = field(default_factory=dict)

    def add(self, name: str = "m", version: int = 1, *, feature_set: str = SET, fallback: str = "skip") -> ModelRef:
        ref = ModelRef(name=name, version=version)
        self.models[ref] = KnownModel(
            terms=ModelTerms(
                ref=ref,
                sha256=f"sha-{ref}",
                feature_set=feature_set,
                set_version=1,
                set_hash=HASH,
                intervals=("1s", "1m", "1d"),
                horizon=5,
                thresholds=Thresholds(long=0.5, short=-0.5, min_confidence=0.0),
                fallback=fallback,
                default_score=0.75,
            )
        )
        return ref

    def terms(self, ref: ModelRef) -> ModelTerms:
        if ref not in self.models:
            raise ModelUnavailable(f"model {ref} is not in the registry")
        return self.models[ref].terms

    def call(self, ref: ModelRef, batch: FeatureBatch) -> Answer:
        if self.models[ref].silent:
            return Answer(score=None, confidence=None, elapsed_ns=1, deadline_missed=True)
        return Answer(score=batch.values[:, 0], confidence=np.abs(batch.values[:, 1]), elapsed_ns=1)


class ChainWriter:
    """Makes the messages of one partition's chain, one source message at a time; offsets count from 0."""

    def __init__(self) -> None:
        self.chain = Chain()
        self.offset = -1
        self.controls = -1

    def bar(
        self, event_time: int, rows: dict[str, tuple[float, float]], *, interval: str = "1s",
        sets: Sequence[str] = (SET,), kinds: Sequence[str] = ("live",),
    ) -> list[FeatureBatch]:  # fmt: skip
        """One cross-section, symbol → (score, confidence); one part for each set and kind."""
        self.offset += 1
        parts = [(name, kind) for name in sets for kind in kinds]
        values = np.array(list(rows.values()), dtype=np.float64).reshape(len(rows), 2)
        return [
            FeatureBatch(
                link=link,
                feature_set=name,
                set_version=1,
                set_hash=HASH,
                width=2,
                interval=interval,
                event_time=event_time,
                kind=kind,
                symbols=tuple(rows),
                values=values,
                valid=np.ones(values.shape, dtype=np.bool_),
                close=np.full(len(rows), 100.0),
                available_time=np.full(len(rows), event_time),
            )
            for link, (name, kind) in zip(self.chain.links(self.offset, len(parts)), parts, strict=True)
        ]

    def mark(self, event_time: int, state: str = "advance") -> Watermark:
        self.offset += 1
        time = None if state == "final" else event_time
        link = self.chain.links(self.offset, 1)[0]
        return Watermark(feed="f", event_time=event_time, state=state, link=link, partition_time=time)

    def control(self, action: str, *, effective_from: int = 0, **fields: object) -> ControlEvent:
        self.offset += 1
        self.controls += 1
        named = {"event_id": f"e{self.controls}", "issued_at": 0, "issued_by": "test", **fields}
        return ControlEvent(
            action=action,
            effective_from=effective_from,
            control_offset=self.controls,
            link=self.chain.links(self.offset, 1)[0],
            **named,  # type: ignore[arg-type]
        )


class Bench:
    """One partition with one live model, stepped by hand."""

    def __init__(self, *, make: Callable[[KnownModels], PartitionInference] | None = None) -> None:
        self.models = KnownModels()
        self.writer = ChainWriter()
        self.inference = make(self.models) if make else PartitionInference(partition=0, models=self.models)
        self.taken = 0

    def activate(self, strategy: str = "s", ref: ModelRef | None = None, effective_from: int = 0) -> Output:
        ref = ref or self.models.add()
        event = self.writer.control(
            "activate", strategy=strategy, model=ref.name, model_version=ref.version, effective_from=effective_from
        )
        return self.take(event)

    def take(self, *messages: Message) -> Output:
        """Take messages; the outputs of all closed sources, joined."""
        outputs = []
        for message in messages:
            outputs.append(self.inference.take(message, self.taken) or Output())
            self.taken += 1
        return Output(
            predictions=tuple(item for output in outputs for item in output.predictions),
            signals=tuple(item for output in outputs for item in output.signals),
        )

    def bar(self, at: float, rows: dict[str, tuple[float, float]], **options: object) -> Output:
        """Take a cross-section that closes ``at`` seconds after T0."""
        return self.take(*self.writer.bar(T0 + round(at * SECOND), rows, **options))  # type: ignore[arg-type]
