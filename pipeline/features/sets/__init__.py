"""The feature sets: one file each, a row each in ``pipeline.features.FEATURE_SETS``."""
