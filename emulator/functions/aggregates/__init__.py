"""Aggregates, by family; one row each."""
