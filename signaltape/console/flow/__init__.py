"""The page *Flow*: what moves, what waits, what is degraded and why, and whether both sides of the log agree."""
