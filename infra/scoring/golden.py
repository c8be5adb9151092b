"""Golden vectors: inputs and the results they gave where the model was made, checked on every host that loads it."""

import json
from dataclasses import dataclass

import numpy as np

from infra.scoring.errors import GoldenMismatch, ManifestInvalid
from infra.scoring.session import F4Array
from schemas.fields import F8Array

#: Between hosts of different numerics the last bits may differ; on one fingerprint none may.
SCORE_RELATIVE, SCORE_ABSOLUTE, CONFIDENCE_ABSOLUTE = 1e-4, 1e-7, 1e-5


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class GoldenVectors:
    """``rows``: float32 (n, width), NaN where undefined; ``score`` and ``confidence``: float64 (n,)."""

    features: tuple[str, ...]
    rows: F4Array
    score: F8Array
    confidence: F8Array

    def to_json(self) -> bytes:
        """JSON that holds every bit: float32 and float64 as shortest decimals, null where undefined."""
        rows = [
            [None if np.isnan(value) else float(value) for value in row] for row in np.asarray(self.rows, np.float32)
        ]
        document = {
            "features": list(self.features),
            "score": self.score.tolist(),
            "confidence": self.confidence.tolist(),
            "rows": rows,
        }
        return (json.dumps(document, allow_nan=False) + "\n").encode()

    @classmethod
    def from_json(cls, data: bytes, source: str) -> "GoldenVectors":
        """Inverse of ``to_json``. Raises ManifestInvalid naming ``source``."""
        try:
            document = json.loads(data)
            features = tuple(document["features"])
            rows = [[np.nan if value is None else value for value in row] for row in document["rows"]]
            made = cls(
                features=features,
                rows=np.array(rows, dtype=np.float32).reshape(len(rows), len(features)),
                score=np.array(document["score"], dtype=np.float64),
                confidence=np.array(document["confidence"], dtype=np.float64),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise ManifestInvalid(f"{source}: not a file of golden vectors ({error!r})") from error
        if not len(made.rows) == len(made.score) == len(made.confidence) > 0:
            raise ManifestInvalid(f"{source}: rows, score and confidence must have one length, above 0")
        return made

    def compare(self, score: F8Array, confidence: F8Array, *, exact: bool, source: str) -> None:
        """Raise GoldenMismatch naming the first row that differs; ``exact``: by a single bit."""
        if exact:
            bad = (score != self.score) | (confidence != self.confidence)
        else:
            bad = ~np.isclose(score, self.score, rtol=SCORE_RELATIVE, atol=SCORE_ABSOLUTE)
            bad |= ~np.isclose(confidence, self.confidence, rtol=0, atol=CONFIDENCE_ABSOLUTE)
        if not bad.any():
            return
        row = int(np.argmax(bad))
        raise GoldenMismatch(
            f"{source}: {int(bad.sum())} of {len(bad)} golden vectors differ; row {row}: score {score[row]!r}, "
            f"expected {self.score[row]!r}; confidence {confidence[row]!r}, expected {self.confidence[row]!r} "
            f"({'same' if exact else 'other'} numerics than where it was made). Do not serve it here: "
            "train and register it again on this kind of host, or use the locked versions"
        )
