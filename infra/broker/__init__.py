"""Kafka: configuration, publishing with acknowledgement, dead letters, administration, reading to the end."""
