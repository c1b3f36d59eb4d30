"""What a request text is before it is parsed: a query or a management command, and which one."""

from itertools import islice

from emulator.syntax.lexer import scan_from

# Commands with rows or a query in them, by their first word.
_COMPUTING = frozenset({"set", "append", "ingest", "execute"})
# Those that may begin with these only if it is a materialized view that they define or let catch up.
_DEFINING = frozenset({"create", "alter", "enable"})
_LONGEST_DEFINITION = 8


def is_command(text: str) -> bool:
    """Whether a request text is a management command: its first token, after comments, is a dot."""
    return next(scan_from(text, 0)).text == "."


def is_show_command(text: str) -> bool:
    """Whether a request text is a `.show` command, which changes nothing."""
    tokens = scan_from(text, 0)
    return next(tokens).text == "." and next(tokens).text.lower() == "show"


def is_urgent_command(text: str) -> bool:
    """Whether a request text shows or ends what goes on, with no query behind it: it costs little, and cannot wait."""
    tokens = scan_from(text, 0)
    return next(tokens).text == "." and next(tokens).text.lower() in ("show", "cancel") and "|" not in text


def is_computing_command(text: str) -> bool:
    """Whether a request text is a command that may take long, since it stores what it reads or computes."""
    words = [each.text.lower() for each in islice(scan_from(text, 0), _LONGEST_DEFINITION)]
    if words[:1] != ["."] or len(words) < 2:
        return False
    return words[1] in _COMPUTING or (words[1] in _DEFINING and any(each.startswith("materialized") for each in words))
