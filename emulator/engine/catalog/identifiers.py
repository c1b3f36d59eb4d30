"""Which names entities and columns may get: Kusto's rules (kusto/query/schema-entities/entity-names.md).

They hold where a name is made. What has another one from before keeps it, and can be queried, renamed and dropped.
"""

import unicodedata
from collections.abc import Iterator, Mapping
from itertools import chain

from emulator.engine.catalog.records import Database, Table, View
from emulator.errors import KustoError

LONGEST_NAME = 1024
# Operators make names with `$`, and their rows become tables.
_SPECIAL = frozenset("_ .-$")
# Letters, the marks that letters are composed with, and digits.
_KINDS = frozenset("LMN")
_SHOWN = 40


def check_new_names(before: Database | None, after: Database) -> None:
    """Raise KustoError for the first name in `after` that is not in `before` and is no identifier.

    Only what changed is looked at: another table or view costs a comparison.
    """
    if before is None:
        _check("Database", after.name)
        before = Database(after.name)
    kinds: tuple[tuple[str, Mapping[str, object], Mapping[str, object]], ...] = (
        ("Table", before.tables, after.tables),
        ("Function", before.functions, after.functions),
        ("MaterializedView", before.views, after.views),
    )
    for kind, known, names in kinds:
        for name in names.keys() - known.keys():
            _check(kind, name)
    # A table that is renamed takes the columns along that it has.
    known_schemas = {id(each.schema) for each in _with_columns(before)}
    for entity in _with_columns(after):
        if id(entity.schema) in known_schemas:
            continue
        earlier = before.tables.get(entity.name) or before.views.get(entity.name)
        known_columns = frozenset(() if earlier is None else earlier.schema.names)
        for column in entity.schema.names:
            if column not in known_columns:
                _check("Column", column)


def _with_columns(database: Database) -> Iterator[Table | View]:
    return chain(database.tables.values(), database.views.values())


def _check(kind: str, name: str) -> None:
    problem = _problem(name)
    if problem:
        shown = name[:_SHOWN].encode("unicode_escape").decode("ascii") if not name.isprintable() else name[:_SHOWN]
        more = "…" if len(name) > _SHOWN else ""
        raise KustoError(
            f"'{shown}{more}' cannot be the name of an entity of kind '{kind}': {problem}.",
            "BadRequest_InvalidEntityName",
            hint="a name has 1 to 1024 letters, digits, underscores, spaces, dots and dashes",
        )


def _problem(name: str) -> str:
    if not name:
        return "it is empty"
    if len(name) > LONGEST_NAME:
        return f"it has {len(name)} characters"
    if name.startswith("__") or name.endswith("__"):
        return "names that start or end with two underscores are Kusto's own"
    for character in name:
        if character not in _SPECIAL and unicodedata.category(character)[0] not in _KINDS:
            shown = character if character.isprintable() else ascii(character)[1:-1]
            return f"it contains '{shown}'"
    return ""
