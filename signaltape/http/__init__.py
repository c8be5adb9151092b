"""The HTTP API: predictions and signals on demand, models, pauses, health."""
