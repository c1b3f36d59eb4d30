"""Tabular operators to plan nodes, by family."""
