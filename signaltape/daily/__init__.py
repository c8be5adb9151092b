"""The daily job: retraining cycles, then one report on features, models, drift and decisions."""
