"""Management commands, one module per family; `emulator.syntax.parse_command` has the table of them."""
