"""A/B tests of models: who serves which symbol, what was run when, and how the arms did. Pure."""
