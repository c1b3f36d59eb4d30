"""One parse function per tabular operator, in families; the table of them is in `emulator.syntax.parse_pipelines`."""
