"""Shells that read: feature agent, inference consumer, stores, drift agent, ingest."""
