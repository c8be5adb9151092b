"""What the page *Models* shows: what is in force and who decided it, the registry, one version, shadows."""
