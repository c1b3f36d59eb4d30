"""What a request text is before it is parsed: a query or a management command, and which one."""

from emulator.syntax.lexer import scan_from


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
