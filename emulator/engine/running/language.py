"""Request texts in their query language, all to the same bound plans: the one place that knows the languages."""

from enum import Enum
from typing import assert_never

from emulator.binder.bind import bind_query
from emulator.binder.entities import EntityProvider
from emulator.binder.faults import refusing_deep_queries
from emulator.binder.plan import BoundQuery
from emulator.errors import KustoError
from emulator.syntax.parser import parse_query


class Language(Enum):
    """The query languages of an Eventhouse."""

    KQL = "kql"


def bind_text(text: str, language: Language, entities: EntityProvider) -> BoundQuery:
    """Read and bind a request text; faults carry the text they point into."""
    try:
        with refusing_deep_queries():
            match language:
                case Language.KQL:
                    return bind_query(parse_query(text), entities)
                case _:
                    assert_never(language)
    except KustoError as error:
        raise error.with_source(text) from error.__cause__
