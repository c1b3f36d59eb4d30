"""Replacements in texts."""

from collections.abc import Iterator

from emulator.engine.udf.json_parts import is_array, items, read
from emulator.engine.udf.limits import PIECE, ValueTooLarge, pieces, refuse_above_longest
from emulator.work import check_work

# Replaced and other parts of one text, of about 60 bytes each.
_MOST_PARTS = 4_000_000


def replace_strings(text: str, lookups: str, rewrites: str) -> str | None:
    """Return the text with the lookups of a JSON array replaced in turn; None for arrays of different length.

    What one lookup has replaced no later one touches. A rewrite that is no string leaves the text as it is, which then
    counts as replaced, too.
    """
    wanted, given = read(lookups), read(rewrites)
    if not is_array(wanted) or not is_array(given):
        return None
    wanted_items, given_items = list(items(wanted)), list(items(given))
    if len(wanted_items) != len(given_items):
        return None
    # Pieces at even places may still change, those between them are replaced.
    parts = [text]
    length = len(text)
    for lookup, rewrite in zip(wanted_items, given_items, strict=True):
        if not isinstance(lookup, str) or not lookup:
            continue
        replaced = rewrite if isinstance(rewrite, str) else lookup
        changed: list[str] = []
        for place, part in enumerate(parts):
            check_work()
            if place % 2:
                changed.append(part)
                continue
            for kept in part.split(lookup) if len(part) <= PIECE else _split(part, lookup):
                changed += [kept, replaced]
                if len(changed) > _MOST_PARTS:
                    raise ValueTooLarge(f"more than {_MOST_PARTS // 2:,} parts of one text are replaced")
            changed.pop()
        length += (len(changed) - len(parts)) // 2 * (len(replaced) - len(lookup))
        refuse_above_longest(length)
        parts = changed
    return "".join(parts)


def translate(text: str, search: str, replacement: str) -> str:
    """Return the text with characters replaced; a shorter replacement list repeats its last character."""
    table: dict[int, str | None]
    if replacement:
        padded = replacement + replacement[-1] * max(0, len(search) - len(replacement))
        table = {ord(character): padded[place] for place, character in reversed(list(enumerate(search)))}
    else:
        table = dict.fromkeys(map(ord, search))
    return text.translate(table) if len(text) <= PIECE else "".join([piece.translate(table) for piece in pieces(text)])


def _split(text: str, separator: str) -> Iterator[str]:
    """Iterate over what lies between separators, which are looked for in a bounded part of the text at a time."""
    begun = searched = 0
    while searched < len(text):
        check_work()
        end = searched + PIECE
        # A separator that starts in this part may reach out of it.
        places = text.count(separator, searched, end + len(separator) - 1)
        for _ in range(places):
            place = text.index(separator, searched)
            yield text[begun:place]
            begun = searched = place + len(separator)
        searched = max(searched, end)
    yield text[begun:]
