"""One query from text to typed results."""
