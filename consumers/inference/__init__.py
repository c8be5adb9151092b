"""The inference consumer: features in, predictions and signals out, exactly once."""
