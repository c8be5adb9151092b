"""Adapters: Kafka, TimescaleDB, Redis, ONNX Runtime, local stack, settings, telemetry, SQL."""
