"""The command-line tool `tickhouse`: the only place that builds objects from settings."""
