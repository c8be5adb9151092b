"""The demonstration: real and simulated bars through the whole pipeline, on real servers, with a report."""
