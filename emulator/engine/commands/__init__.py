"""Management commands: one module per family, chosen by `dispatch`."""
