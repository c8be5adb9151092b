"""The store: predictions, signals and control events become rows."""
