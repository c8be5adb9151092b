"""Seeded histories of a model, healthy and broken, and what a policy does with them: evidence for a drift policy."""
