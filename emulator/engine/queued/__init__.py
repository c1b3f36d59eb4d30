"""Queued ingestion: scratch blobs, durable messages that name them, and the worker that turns both into rows.

What the queue keeps is in the DuckDB file, so that a message goes away in the transaction that adds its rows.
"""
