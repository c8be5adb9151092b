"""The models of a moment, asked again: a model port over the registry that honours what a replay can't derive."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from infra.scoring.registry import ModelRegistry
from infra.scoring.untimed import UntimedModels
from pipeline.deployments import ModelRef
from pipeline.explanation.facts import CallFact, Moment, RowFact
from pipeline.explanation.rerun import OTHERS
from pipeline.routing.model_port import Answer, ModelTerms, ModelUnavailable
from schemas.features import FeatureBatch


@dataclass(slots=True)
class RecordedCalls:
    """Scores where an answer is recorded, stays silent where none is. ``failed``: models that can't be had, and why."""

    registry: ModelRegistry
    moment: Moment
    failed: dict[ModelRef, str] = field(default_factory=dict)
    _asked: Counter[ModelRef] = field(default_factory=Counter)
    _models: UntimedModels = field(init=False)

    def __post_init__(self) -> None:
        self._models = UntimedModels(self.registry)

    def terms(self, ref: ModelRef) -> ModelTerms:
        """Load a model, its files checked. Raises ModelUnavailable."""
        if ref in self.failed:
            raise ModelUnavailable(self.failed[ref])
        try:
            return self._models.terms(ref)
        except ModelUnavailable as error:
            self.failed[ref] = f"model {ref} can't be asked again: {error.__cause__}"
            raise ModelUnavailable(self.failed[ref]) from error

    def known(self, refs: set[ModelRef]) -> dict[ModelRef, ModelTerms]:
        """Terms of those models that can be had."""
        found = {}
        for ref in refs:
            try:
                found[ref] = self.terms(ref)
            except ModelUnavailable:
                continue
        return found

    def call(self, ref: ModelRef, batch: FeatureBatch) -> Answer:
        """Score without a deadline. An answer that isn't recorded as given is not asked for again."""
        self.terms(ref)
        if batch.symbols == (OTHERS,):
            return Answer(score=np.zeros(1), confidence=np.zeros(1))
        row, call = self._recorded(ref)
        if row is not None and row.status != "ok":
            missed, is_open = call is not None and call.deadline_missed, call is not None and call.breaker_open
            return Answer(score=None, confidence=None, deadline_missed=missed, breaker_open=is_open)
        return self._models.call(ref, batch)

    def _recorded(self, ref: ModelRef) -> tuple[RowFact | None, CallFact | None]:
        """The next record of a model: one that serves several strategies is asked for each, in their order."""
        rows = [one for one in self.moment.rows if one.ref == ref]
        place = self._asked[ref]
        self._asked[ref] += 1
        row = rows[place] if place < len(rows) else None
        return row, next((one for one in self.moment.calls if row is not None and one.key == row.key), None)
