"""From a hub into a table: each event stored once, with how far each partition is."""
