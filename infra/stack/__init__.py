"""The local stack: real Kafka, Postgres with TimescaleDB, and Redis as child processes."""
