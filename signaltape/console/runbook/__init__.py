"""The runbook beside the program: what it says about a rule, and all of it as a page."""
