"""Proof that what is stored is what the log gives: digests, and a recomputation in another process."""
