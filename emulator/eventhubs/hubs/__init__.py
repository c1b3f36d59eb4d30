"""Hubs as they are kept: partitions, a durable log in segments, who receives, and the messages in them."""
