"""The record held against what follows from the log: digests first, rows where those disagree (pure)."""
