"""History again: logs of several partitions brought into one order of time (pure)."""
