"""Why there was a signal, or none: recorded facts, the same computed again, and what they say (pure)."""
