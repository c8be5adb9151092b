"""The two sides of the reconciliation: what the topics hold, and what the tables hold."""
