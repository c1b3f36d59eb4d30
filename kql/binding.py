"""Contracts derived from the files: tables, views and functions are parsed and bound, without an Eventhouse."""
