"""Payloads to columns: formats, mappings and the conversion of values."""
