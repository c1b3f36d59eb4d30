"""Expressions: literals, operators, calls of catalogue and user functions, constant folding, conversions."""
