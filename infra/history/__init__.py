"""The log of bars read again: which stretch of it a range of time is, its messages, and the state before it."""
