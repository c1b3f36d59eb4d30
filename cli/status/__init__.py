"""How long-running processes tell of themselves."""
