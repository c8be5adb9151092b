"""What signals would have earned: a simulated account, stepped bar time by bar time, and its figures. Pure."""
