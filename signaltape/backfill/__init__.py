"""Loading history: rows in bulk through the engine, then each symbol's state into the log; and adding feature sets."""

from signaltape.backfill.adding_sets import AddedSetsReport, add_sets
from signaltape.backfill.loading import LoadOptions
from signaltape.backfill.run import BackfillReport, BackfillRequest, run_backfill

__all__ = ["AddedSetsReport", "BackfillReport", "BackfillRequest", "LoadOptions", "add_sets", "run_backfill"]
