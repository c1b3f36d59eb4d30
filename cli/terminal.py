"""Consoles: messages on standard error, results on standard output.

A line is never broken to fit: a terminal wraps by itself, and in a log or a pipe a message stays on its line.
"""

from rich.console import Console
from rich.table import Table

WIDEST = 10_000


def messages() -> Console:
    """Return the console for messages to the user."""
    return Console(stderr=True, soft_wrap=True)


def results() -> Console:
    """Return the console for what a command answers."""
    return Console(soft_wrap=True)


def print_whole(console: Console, table: Table) -> None:
    """Print a table whose rows stay on one line each; where they are wider than the terminal, a pager deals with it."""
    needed = console.measure(table, options=console.options.update(max_width=WIDEST)).maximum
    Console(file=console.file, width=max(needed, console.width)).print(table)
