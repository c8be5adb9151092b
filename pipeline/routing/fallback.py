"""What a model said last, and what stands in for an answer that didn't come."""

from dataclasses import dataclass

import numpy as np

from pipeline.routing.decision import DEFAULT, FALLBACK, OK, SKIPPED
from pipeline.routing.model_port import Answer, ModelTerms
from schemas.fields import F8Array, I8Array, U1Array


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scored:
    """Score, confidence and status of each row (shape (n,)), whether from the model or from its fallback."""

    score: F8Array
    confidence: F8Array
    status: U1Array


class LastScores:
    """For each symbol: the score that one model last gave in time, and its event time (0: never)."""

    def __init__(self) -> None:
        self.score: F8Array = np.zeros(0)
        self.event_time: I8Array = np.zeros(0, dtype=np.int64)

    def remember(self, numbers: I8Array, score: F8Array, event_time: int) -> None:
        """Keep the scores of distinct symbols ``numbers`` at ``event_time`` (ns UTC)."""
        missing = int(numbers.max(initial=-1)) + 1 - len(self.score)
        if missing > 0:
            self.score = np.concatenate([self.score, np.zeros(missing)])
            self.event_time = np.concatenate([self.event_time, np.zeros(missing, dtype=np.int64)])
        self.score[numbers] = score
        self.event_time[numbers] = event_time

    def recall(self, numbers: I8Array, since: int) -> tuple[F8Array, U1Array]:
        """Return scores and statuses: ``fallback`` where one from ``since`` on is known, else 0 and ``skipped``."""
        score = np.zeros(len(numbers))
        status = np.full(len(numbers), SKIPPED, dtype=np.uint8)
        known = np.flatnonzero(numbers < len(self.score))
        fresh = known[self.event_time[numbers[known]] >= max(since, 1)]
        score[fresh] = self.score[numbers[fresh]]
        status[fresh] = FALLBACK
        return score, status


def resolve(answer: Answer, terms: ModelTerms, last: LastScores, numbers: I8Array, since: int) -> Scored:
    """Return the model's answer or, where it has none, its fallback's, with confidence 0.

    ``last``: the newest score if its bar closed at ``since`` (ns UTC) or later, else the row is skipped.
    ``default``: the manifest's score. ``skip``: nothing is said.
    """
    if answer.score is not None and answer.confidence is not None:
        return Scored(
            score=answer.score, confidence=answer.confidence, status=np.full(len(numbers), OK, dtype=np.uint8)
        )
    silence = np.zeros(len(numbers))
    if terms.fallback == "default":
        score = np.full(len(numbers), terms.default_score)
        return Scored(score=score, confidence=silence, status=np.full(len(numbers), DEFAULT, dtype=np.uint8))
    if terms.fallback == "last":
        score, status = last.recall(numbers, since)
        return Scored(score=score, confidence=silence, status=status)
    return Scored(score=silence, confidence=silence, status=np.full(len(numbers), SKIPPED, dtype=np.uint8))
