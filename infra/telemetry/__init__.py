"""What a process shows of itself: structured logs, metrics, health."""
