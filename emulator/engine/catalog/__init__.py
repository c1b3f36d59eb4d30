"""What an Eventhouse has: immutable records of one snapshot, their rows in the file, and the binder's view of them."""
