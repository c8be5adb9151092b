"""The core: numpy and scipy, no I/O, no clock, no environment."""
