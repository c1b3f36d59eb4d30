"""What a database is made of, at the level of the language: entities, and the readers of the texts that they keep.

The engine stores these records, the loader of `.kql` files yields them, and what compares a wanted database with a
living one does so by equality. Nothing here knows how rows are kept.
"""
