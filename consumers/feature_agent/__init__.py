"""The feature agent: bars in, feature vectors and matured returns out, rows in the warehouse, vectors in Redis."""
