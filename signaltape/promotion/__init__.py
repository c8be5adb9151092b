"""Promotions, rollbacks and the stages of models: what is decided by hand, and the rules that it must keep to."""
