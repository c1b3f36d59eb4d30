"""Canonical KQL text of syntax trees: what parses to the same tree prints the same."""
