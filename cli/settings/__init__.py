"""Settings: the file, the default folders, and what the environment allows."""
