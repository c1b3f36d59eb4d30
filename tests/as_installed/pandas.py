"""Arrow looks for pandas in every process and, where it is, takes a fifth of a second to load it."""

raise ImportError("Tickhouse is installed without pandas")
