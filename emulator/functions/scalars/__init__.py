"""Scalar functions and operators, by family; one row each."""
