"""Digests of what was derived: whether two runs gave the same rows, bit for bit, told by a few numbers per bar time."""
