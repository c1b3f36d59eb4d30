"""One transaction after the other: payloads into tables with all that follows, and how far a source is stored."""
