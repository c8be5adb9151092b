"""What small changes of the inputs do to the outputs."""

import numpy as np

from signaltape.model_tests.report import Outcome
from signaltape.model_tests.subject import Subject, decided, not_applicable


def irrelevant_columns(subject: Subject) -> Outcome:
    """Noise on the columns that the manifest names as irrelevant changes no bit of score and confidence."""
    manifest = subject.scorer.manifest
    if not manifest.irrelevant:
        return not_applicable("irrelevant", "the manifest names no irrelevant column")
    columns = [manifest.features.index(name) for name in manifest.irrelevant]
    noise = _noise(subject)[:, columns] * subject.limits.noise
    moved = subject.sample.copy()
    moved[:, columns] += noise
    before, after = (subject.scorer.score_rows(rows) for rows in (subject.sample, moved))
    changed = (before.score != after.score) | (before.confidence != after.confidence)
    detail = f"noise on {', '.join(manifest.irrelevant)} changes {np.count_nonzero(changed):,} of {len(changed):,} rows"
    return decided("irrelevant", not changed.any(), detail, float(np.mean(changed)), 0.0)


def stability(subject: Subject) -> Outcome:
    """Noise of a hundredth of each column's standard deviation moves scores by less than a bound.

    The bound is in standard deviations of the scores: on average, and at the 99th percentile of rows, because a tree
    may jump at a threshold.
    """
    limits, sample = subject.limits, subject.sample
    if len(sample) < 2:
        return not_applicable("stability", "one row has no standard deviation")
    with np.errstate(invalid="ignore"):
        known = ~np.isnan(sample)
        deviation = np.array([np.std(sample[mask, place]) if mask.any() else 0.0 for place, mask in enumerate(known.T)])
    moved = sample + (_noise(subject) * limits.noise * deviation).astype(np.float32)
    before, after = (subject.scorer.score_rows(rows).score for rows in (sample, moved))
    move, spread = np.abs(after - before), float(np.std(before))
    mean, tail = float(move.mean()), float(np.quantile(move, 0.99))
    ok = mean <= limits.mean_move * spread and tail <= limits.tail_move * spread
    unit = spread or 1.0
    return decided(
        "stability",
        ok,
        f"noise of {limits.noise:g} σ moves scores by {mean / unit:.3f} of their deviation on average "
        f"(limit {limits.mean_move:g}), {tail / unit:.3f} at the 99th percentile (limit {limits.tail_move:g})",
        mean / unit,
        limits.mean_move,
        tail=tail / unit,
        tail_limit=limits.tail_move,
        score_deviation=spread,
    )


def _noise(subject: Subject) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Standard normal, float32, of the sample's shape; the same for the same seed."""
    generator = np.random.Generator(np.random.PCG64(subject.seed))
    return generator.standard_normal(subject.sample.shape, dtype=np.float32)
