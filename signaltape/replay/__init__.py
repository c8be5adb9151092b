"""Replay: a range of history through the same agents, beside the live ones and apart from them."""
