"""Which overload a call takes, and what its arguments become."""

import pytest

from emulator.errors import SemanticFault
from emulator.functions.catalogue import CATALOGUE
from emulator.functions.overloads import common_type, parameters_for, resolve, unknown_function
from emulator.text import Span
from emulator.types import BOOL, DATETIME, DECIMAL, DYNAMIC, INT, LONG, REAL, STRING, TIMESPAN, KqlType, Scalar, list_of


def resolved(name: str, *types: KqlType) -> tuple[KqlType, tuple[KqlType, ...]]:
    signature, converted = resolve(name, CATALOGUE.functions[name].signatures, types)
    return signature.result_type(converted), converted


@pytest.mark.parametrize(
    ("name", "types", "result", "converted"),
    [
        ("+", (INT, INT), LONG, (INT, INT)),
        ("+", (LONG, REAL), REAL, (REAL, REAL)),
        ("+", (DYNAMIC, LONG), LONG, (LONG, LONG)),
        ("+", (LONG, DECIMAL), DECIMAL, (DECIMAL, DECIMAL)),
        ("-", (DATETIME, DATETIME), TIMESPAN, (DATETIME, DATETIME)),
        ("*", (REAL, TIMESPAN), TIMESPAN, (REAL, TIMESPAN)),
        ("/", (TIMESPAN, TIMESPAN), REAL, (TIMESPAN, TIMESPAN)),
        ("==", (DYNAMIC, STRING), BOOL, (STRING, STRING)),
        ("bin", (INT, LONG), LONG, (LONG, LONG)),
        ("iff", (BOOL, DYNAMIC, LONG), DYNAMIC, (BOOL, DYNAMIC, DYNAMIC)),
        ("case", (BOOL, INT, BOOL, LONG, INT), LONG, (BOOL, LONG, BOOL, LONG, LONG)),
        ("pack_array", (LONG, LONG), list_of(Scalar.LONG), (LONG, LONG)),
        ("pack_array", (LONG, STRING), DYNAMIC, (LONG, STRING)),
        ("sqrt", (LONG,), REAL, (REAL,)),
        ("strlen", (DYNAMIC,), LONG, (DYNAMIC,)),
        ("[]", (list_of(Scalar.REAL), LONG), DYNAMIC, (list_of(Scalar.REAL), LONG)),
    ],
)
def test_a_call_takes_the_cheapest_overload(
    name: str, types: tuple[KqlType, ...], result: KqlType, converted: tuple[KqlType, ...]
) -> None:
    assert resolved(name, *types) == (result, converted)


def test_lists_of_numbers_widen_and_other_mixtures_become_dynamic() -> None:
    assert common_type((list_of(Scalar.LONG), list_of(Scalar.REAL))) == list_of(Scalar.REAL)
    assert common_type((list_of(Scalar.LONG), list_of(Scalar.STRING))) == DYNAMIC
    assert common_type((LONG, STRING)) is None


def test_neighboring_repeated_parameters_repeat_as_a_group() -> None:
    parameters = CATALOGUE.functions["case"].signatures[0].parameters
    assert [[each.name for each in found] for found in parameters_for(parameters, 5)] == [
        ["predicate", "then", "predicate", "then", "else"]
    ]
    assert list(parameters_for(parameters, 4)) == []


def test_a_wrong_argument_is_blamed_at_its_place() -> None:
    types, spans = (STRING, LONG, STRING), (Span(0, 1), Span(3, 4), Span(6, 7))
    with pytest.raises(SemanticFault) as caught:
        resolve("replace_string", CATALOGUE.functions["replace_string"].signatures, types, spans, Span(0, 9))
    assert caught.value.span == Span(3, 4)
    assert caught.value.hint == "convert it with tostring(…)"


def test_an_unknown_function_comes_with_names_like_it() -> None:
    assert unknown_function("to_long", ("tolong", "sum"), Span(0, 7)).hint == "did you mean 'tolong'?"
