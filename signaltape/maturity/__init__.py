"""Maturity assessment: ten questions in each of nine areas, answered from the system's own records where it can."""
