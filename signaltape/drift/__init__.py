"""Evidence about drift policies: backtests over simulated models and over stored history."""
