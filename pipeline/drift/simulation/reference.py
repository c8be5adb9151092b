"""A training reference from simulated sessions, as one is made from a model's training rows."""

from collections.abc import Mapping

import numpy as np

from pipeline.drift.bands import INFLATION
from pipeline.drift.population_stability import Reference
from pipeline.drift.simulation.features import NAMES
from pipeline.drift.simulation.label_measures import LEAST_NAMES
from pipeline.drift.training_reference import FeatureReference, TrainingReference, overlap_of, reference_bands
from schemas.fields import F8Array, I8Array


def training_reference(
    sketch: Reference, features: I8Array, scores: I8Array, held_out: Mapping[str, F8Array], *, horizon: int
) -> TrainingReference:
    """From counts by training session, (sessions, features, BINS) and (sessions, 1, bins), and held-out figures."""
    daily, hits = (held_out[name][np.isfinite(held_out[name])] for name in ("ic", "accuracy"))
    whole = np.add.reduce(features, axis=0)
    return TrainingReference(
        ic=float(np.mean(daily)),
        ic_scale=float(np.std(daily, ddof=1)),
        hit_rate=float(np.mean(hits)) if len(hits) else None,
        overlap=overlap_of(horizon, 1.0),
        sketch=sketch,
        score=reference_bands(
            np.array(sketch.counts, np.int64)[None, :], scores, minimum=LEAST_NAMES, inflation=INFLATION
        ),
        features=FeatureReference(
            feature_set="simulated",
            set_version=1,
            names=NAMES,
            counts=whole,
            bands=reference_bands(whole, features, minimum=LEAST_NAMES, inflation=INFLATION),
        ),
    )
