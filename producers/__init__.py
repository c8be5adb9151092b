"""Shells that write: feeds, importers, the simulator."""
