"""The soak: the whole pipeline under a busy market, while its processes are killed and stalled."""
