"""Replacements in texts."""

import json

from emulator.work import check_work


def replace_strings(text: str, lookups: str, rewrites: str) -> str | None:
    """Return the text with the lookups of a JSON array replaced in turn; None for arrays of different length.

    What one lookup has replaced no later one touches. A rewrite that is no string leaves the text as it is, which then
    counts as replaced, too.
    """
    wanted, given = json.loads(lookups), json.loads(rewrites)
    if not isinstance(wanted, list) or not isinstance(given, list) or len(wanted) != len(given):
        return None
    # Pieces at even places may still change, those between them are replaced.
    pieces = [text]
    for lookup, rewrite in zip(wanted, given, strict=True):
        if not isinstance(lookup, str) or not lookup:
            continue
        replaced = rewrite if isinstance(rewrite, str) else lookup
        changed: list[str] = []
        for place, piece in enumerate(pieces):
            check_work()
            if place % 2:
                changed.append(piece)
                continue
            first, *rest = piece.split(lookup)
            changed.append(first)
            for part in rest:
                changed += [replaced, part]
        pieces = changed
    return "".join(pieces)


def translate(text: str, search: str, replacement: str) -> str:
    """Return the text with characters replaced; a shorter replacement list repeats its last character."""
    if not replacement:
        removed = frozenset(search)
        return "".join(character for character in text if character not in removed)
    padded = replacement + replacement[-1] * max(0, len(search) - len(replacement))
    table = {ord(character): padded[position] for position, character in reversed(list(enumerate(search)))}
    return text.translate(table)
