"""Several tests for terms as one: `x has 'a' or x has 'b' …` of many terms, and `* has 'a'` of many columns.

Each test alone compiles a regular expression, at 4 ms each in DuckDB.
"""

from collections.abc import Sequence

from emulator.binder.bind_expressions.calls import call_function
from emulator.binder.expression import (
    VOLATILE,
    BoundExpression,
    ColumnReference,
    Constant,
    Conversion,
    FunctionCall,
    QueryParameter,
)
from emulator.binder.scope import Environment
from emulator.functions.scalars.text_operators import MANY_TERMS
from emulator.text import Span
from emulator.types import BOOL, STRING

# A few tests for all terms in turn stop at the first that fails, and are written as they always were.
_FEW_OF_ALL = 8
# What holds of texts with a separator between them if and only if it holds of one of them.
_OF_ANY_PART = frozenset(
    f"{name}{case}" for name in ("has", "hasprefix", "hassuffix", "contains") for case in ("", "_cs")
)
_SEPARATORS = "\n\t\x1f"
# Texts that one strcat_delim takes.
_MOST_TEXTS = 60
# Levels of a text that are compared: what a chain repeats is a column, or a member or a conversion of one.
_DEEPEST = 4


def joined_tests(
    operator: str, terms: Sequence[BoundExpression], environment: Environment
) -> list[BoundExpression | None]:
    """Return the terms of a chain with the tests of each text joined into its first; None is in place of the others."""
    alike: dict[object, list[int]] = {}
    for position, term in enumerate(terms):
        match term:
            case FunctionCall(arguments=(text, Constant(value=str()))) if (
                term.function.name.removeprefix("!") in MANY_TERMS
            ):
                key = None if text.traits & VOLATILE else _identity(text, _DEEPEST)
                if key is not None:
                    alike.setdefault((term.function.name, key), []).append(position)
            case _:
                pass
    result: list[BoundExpression | None] = list(terms)
    for positions in alike.values():
        tests = [term for position in positions if isinstance(term := terms[position], FunctionCall)]
        name = tests[0].function.name
        # None of the terms is found where all of them are not: `!has` and `!has` is not any.
        is_negated = name.startswith("!")
        is_any = (operator == "or") is not is_negated
        if len(tests) <= (1 if is_any else _FEW_OF_ALL):
            continue
        function = MANY_TERMS[name.removeprefix("!")][0 if is_any else 1]
        span = Span(tests[0].span.start, tests[-1].span.end)
        arguments = (tests[0].arguments[0], *(each.arguments[1] for each in tests))
        joined = FunctionCall(function, function.signatures[0], arguments, BOOL, span)
        result[positions[0]] = call_function("not", (joined,), span, environment) if is_negated else joined
        for position in positions[1:]:
            result[position] = None
    return result


def in_one_text(
    operator: str, texts: list[BoundExpression], part: BoundExpression, environment: Environment
) -> list[BoundExpression]:
    """Return texts of which any must pass a test as one text that passes it then, where there is one."""
    if operator not in _OF_ANY_PART or len(texts) < 2:
        return texts
    if not (isinstance(part, Constant) and isinstance(part.value, str)):
        return texts
    separator = next((each for each in _SEPARATORS if each not in part.value), None)
    if separator is None:
        return texts
    delimiter = Constant(separator, STRING, part.span)
    while len(texts) > 1:
        runs = [texts[start : start + _MOST_TEXTS] for start in range(0, len(texts), _MOST_TEXTS)]
        texts = [call_function("strcat_delim", (delimiter, *run), part.span, environment) for run in runs]
    return texts


def _identity(text: BoundExpression, levels: int) -> object:
    """Return what two texts have in common that are the same wherever they are written; None where it is not known."""
    match text:
        case ColumnReference(name, type_, _, side):
            return ("column", name, type_, side)
        case Constant(value, type_) | QueryParameter(value, type_):
            return ("value", type(value), value, type_)
        case Conversion(operand=operand, type=type_) if levels:
            inner = _identity(operand, levels - 1)
            return None if inner is None else (type_, inner)
        case FunctionCall(function=function, arguments=arguments, output=output) if levels:
            parts = tuple(_identity(each, levels - 1) for each in arguments)
            return None if None in parts else (function.name, id(text.signature), output, parts)
        case _:
            return None
