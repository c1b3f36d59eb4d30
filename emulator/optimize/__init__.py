"""Typed plan to a smaller plan with the same rows: what a request needs once is computed once, the rest left out."""
