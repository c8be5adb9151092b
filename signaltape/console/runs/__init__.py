"""What the page *Replays and backtests* shows."""
