"""Loading history: rows in bulk through the engine, then each symbol's state into the log."""

from signaltape.backfill.loading import LoadOptions
from signaltape.backfill.run import BackfillReport, BackfillRequest, run_backfill

__all__ = ["BackfillReport", "BackfillRequest", "LoadOptions", "run_backfill"]
