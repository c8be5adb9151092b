"""Drift agent: predictions and returns in, daily metrics and alerts out."""
