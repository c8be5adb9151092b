"""Everything: all columns of all families."""

from pipeline.features.catalog import CORE, feature_set

SET = feature_set("core", 1, tuple(feature.name for feature in CORE))
