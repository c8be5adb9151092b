"""Three window features: return, dispersion, volume. No recursive column, so a finite look-back warms it up."""

from pipeline.features.catalog import feature_set

SET = feature_set("minimal", 2, ("logret_1", "ret_std_20", "volume_z_20"))
