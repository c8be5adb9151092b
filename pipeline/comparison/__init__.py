"""Is one model better than another on the same rows? Pure statistics: metrics, paired intervals, a verdict."""
