"""What one call gives: shapes, values, the same values again, the values that it gave where it was made."""

import numpy as np

from infra.scoring.errors import GoldenMismatch
from infra.scoring.numerics import CHUNK, host_fingerprint
from signaltape.model_tests.report import Outcome
from signaltape.model_tests.subject import Subject, decided


def shape(subject: Subject) -> Outcome:
    """One score and one confidence for each row, for one row, a whole chunk, and one more than that."""
    sizes = (1, CHUNK, CHUNK + 1)
    for size in sizes:
        given = np.resize(subject.sample, (size, subject.sample.shape[1]))
        found = subject.scorer.score_rows(given)
        if found.score.shape != (size,) or found.confidence.shape != (size,):
            shapes = f"{found.score.shape} and {found.confidence.shape}"
            return decided("shape", False, f"{size} rows give score and confidence of shape {shapes}")
    return decided("shape", True, f"one score and one confidence a row, for {', '.join(map(str, sizes))} rows")


def score_range(subject: Subject) -> Outcome:
    """Finite scores of a size that a return can have, confidences in [0, 1]; also for a row without any value.

    NaN, infinities and confidences outside [0, 1] never leave the scorer: they end this test as a scoring fault.
    """
    nothing = np.full((1, subject.rows.shape[1]), np.nan, dtype=np.float32)
    found = subject.scorer.score_rows(np.concatenate([subject.rows, nothing]))
    largest, limit = float(np.abs(found.score).max()), None if subject.invented else subject.limits.largest_score
    bound = "no limit: the rows are invented" if limit is None else f"limit {limit:g}"
    return decided(
        "range",
        limit is None or largest <= limit,
        f"|score| up to {largest:.3g} ({bound}), confidence {found.confidence.min():.3f} to "
        f"{found.confidence.max():.3f}",
        largest,
        limit,
        lowest_confidence=float(found.confidence.min()),
        highest_confidence=float(found.confidence.max()),
    )


def consistency(subject: Subject) -> Outcome:
    """The same rows give the same bits at every call."""
    repeats = subject.limits.repeats
    seen = set()
    for _ in range(repeats):
        found = subject.scorer.score_rows(subject.sample)
        seen.add(found.score.tobytes() + found.confidence.tobytes())
    detail = f"{repeats} calls of {len(subject.sample):,} rows gave {len(seen)} result{'s' * (len(seen) > 1)}"
    return decided("consistency", len(seen) == 1, detail, float(len(seen)), 1.0)


def golden(subject: Subject) -> Outcome:
    """The golden vectors' results, to the bit where the numerics are those of their maker."""
    vectors = subject.golden
    exact = subject.scorer.manifest.numerics == host_fingerprint()
    found = subject.scorer.score_rows(vectors.rows)
    largest = float(np.abs(found.score - vectors.score).max())
    try:
        vectors.compare(found.score, found.confidence, exact=exact, source="golden vectors")
    except GoldenMismatch as error:
        return decided("golden", False, str(error), largest)
    how = "to the bit" if exact else "within the tolerances between hosts"
    return decided("golden", True, f"{len(vectors.rows)} golden vectors agree {how}", largest)
