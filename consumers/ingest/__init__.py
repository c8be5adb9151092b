"""The ingest: single bars from any Kafka client, control events and silent feeds, on their way into the one log."""
