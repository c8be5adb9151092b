"""Measurements of this machine, each with a baseline taken in the same run."""
