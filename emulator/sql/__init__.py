"""SQL as a tree and its one renderer."""
