"""A seeded market: bars that are made up, and say so wherever they are shown."""
