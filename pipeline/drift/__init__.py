"""Drift of models: statistics (one file each), the label ledger, session closing and alert policies. Pure."""
