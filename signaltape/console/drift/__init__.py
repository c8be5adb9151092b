"""What the page *Drift* shows."""
