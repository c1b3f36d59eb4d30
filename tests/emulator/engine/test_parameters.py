"""What a value that a client sends is read as, by the declared type; and what is refused, in which words."""

import math
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from emulator.binder.expression import Constant
from emulator.binder.plan import ParameterDeclaration
from emulator.context import ParameterValue
from emulator.engine.eventhouse import Eventhouse
from emulator.engine.running.parameters import bind_parameters
from emulator.errors import SemanticFault
from emulator.text import Span
from emulator.types import LONG, Column, KqlType, Scalar

PLACE = Span(3, 5)
SECOND = 10_000_000
HOUR = 3600 * SECOND
GUID = "74be27de-1e4e-49d9-b579-fe0b331d3642"
MORNING = datetime(2024, 3, 1, 9, 30)  # noqa: DTZ001 - naive UTC, as the engine keeps it


def declared(scalar: Scalar) -> ParameterDeclaration:
    return ParameterDeclaration("p", Column("p", KqlType(scalar)), None, PLACE)


def read(scalar: str, value: ParameterValue) -> object:
    return bind_parameters([declared(Scalar(scalar))], {"p": value, "other": 1})["p"]


@pytest.mark.parametrize(
    ("scalar", "value", "found"),
    [
        ("bool", False, False),
        ("bool", 0, False),
        ("bool", 2, True),
        ("bool", "true", True),
        ("bool", "bool(false)", False),
        ("int", 5.0, 5),
        ("int", "5", 5),
        ("int", "long(5)", 5),
        ("int", "real(5.0)", 5),
        ("int", "decimal(5)", 5),
        ("int", "int(null)", None),
        ("int", 2**31 - 1, 2**31 - 1),
        ("int", -(2**31), -(2**31)),
        ("long", 2**63 - 1, 2**63 - 1),
        ("long", -(2**63), -(2**63)),
        ("real", 5, 5.0),
        ("real", "1.5", 1.5),
        ("real", "long(5)", 5.0),
        ("real", "decimal(1.5)", 1.5),
        ("real", "real(+inf)", math.inf),
        ("real", "real(null)", None),
        ("decimal", 5, Decimal(5)),
        ("decimal", 1.1, Decimal("1.1")),
        ("decimal", "1.50", Decimal("1.50")),
        ("decimal", "real(1.5)", Decimal("1.5")),
        ("decimal", "decimal(null)", None),
        ("string", "5", "5"),
        ("string", None, ""),
        ("datetime", "2024-03-01 09:30", MORNING),
        ("datetime", " datetime(2024-03-01T09:30Z) ", MORNING),
        ("datetime", MORNING, MORNING),
        ("datetime", MORNING.replace(tzinfo=UTC), MORNING),
        ("datetime", datetime(2024, 3, 1, 11, 30, tzinfo=timezone(timedelta(hours=2))), MORNING),
        ("datetime", "datetime(null)", None),
        ("timespan", timedelta(hours=1, microseconds=1), HOUR + 10),
        ("timespan", timedelta(microseconds=-1), -10),
        ("timespan", "1h", HOUR),
        ("timespan", "time(1h)", HOUR),
        ("timespan", "1 day, 1:00:01.5", 25 * HOUR + SECOND + SECOND // 2),
        ("timespan", " 2 days ", 48 * HOUR),
        ("timespan", "-1 day, 23:02:03", -HOUR + 2 * 60 * SECOND + 3 * SECOND),
        ("timespan", "timespan(null)", None),
        ("guid", GUID, GUID),
        ("guid", f"guid({GUID})", GUID),
        ("dynamic", "[1, 2]", "[1,2]"),
        ("dynamic", ' dynamic({"a": 1h}) ', '{"a":"01:00:00"}'),
        ("dynamic", True, "true"),
        ("dynamic", 5, "5"),
        ("dynamic", None, None),
    ],
)
def test_what_is_read(scalar: str, value: ParameterValue, found: object) -> None:
    result = read(scalar, value)
    assert result == found
    assert type(result) is type(found)


@pytest.mark.parametrize(
    ("scalar", "value", "reason"),
    [
        ("bool", 1.5, "a float is not true or false"),
        ("bool", "long(1)", "long(1) is of type long"),
        ("int", 5.5, "5.5 is not a whole number"),
        ("int", True, "True is not a whole number"),
        ("int", "real(5.5)", "5.5 is not a whole number"),
        ("int", 2**31, "2147483648 does not fit into 32 bits"),
        ("int", -(2**31) - 1, "-2147483649 does not fit into 32 bits"),
        ("long", 2**63, "9223372036854775808 does not fit into 64 bits"),
        ("real", True, "a bool is not a number"),
        ("decimal", True, "a bool is not a number"),
        ("string", 5, "a int is not a string"),
        ("datetime", 5, "a int is not a date or time"),
        ("datetime", "2024-13-01", "'2024-13-01' is not a date: month must be in 1..12"),
        ("timespan", 5, "a int is not a timespan"),
        ("guid", 5, "a int is not a guid"),
    ],
)
def test_what_is_refused(scalar: str, value: ParameterValue, reason: str) -> None:
    with pytest.raises(SemanticFault) as caught:
        read(scalar, value)
    assert caught.value.message == f"Query parameter 'p' is not a valid {scalar}: {reason}"
    assert (caught.value.code, caught.value.span) == ("SEM0050", PLACE)
    assert caught.value.hint.startswith(f"found {value!r}; send a JSON value or a KQL literal such as ")


def test_a_long_value_is_shown_by_its_beginning() -> None:
    for length, shown in ((57, f"'{'x' * 57}'"), (58, f"'{'x' * 58}'"), (59, f"'{'x' * 56}...")):
        with pytest.raises(SemanticFault) as caught:
            read("guid", "x" * length)
        assert caught.value.hint == (
            f"found {shown}; send a JSON value or a KQL literal such as guid(74be27de-1e4e-49d9-b579-fe0b331d3642)"
        )


def test_what_is_not_sent_has_its_default_or_is_asked_for() -> None:
    with_default = ParameterDeclaration("n", Column("n", LONG), Constant(7, LONG, PLACE), PLACE)
    assert bind_parameters([with_default], {}) == {"n": 7}
    assert bind_parameters([with_default], {"n": None}) == {"n": None}
    with pytest.raises(SemanticFault) as caught:
        bind_parameters([declared(Scalar.LONG)], {})
    assert (caught.value.message, caught.value.code, caught.value.hint) == (
        "Query parameter 'p' of type long has no value and no default",
        "SEM0051",
        "send it in the request's parameters, or declare a default",
    )


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("print x = now() | count", [(1,)]),
        ("print x = iff(false, now(), datetime(2020-01-01)) | where isnull(x) | count", [(0,)]),
        ("declare query_parameters(p:long = 3); print x = p | count", [(1,)]),
        ("declare query_parameters(p:long = 3); print a = p, b = p + 1 | project b", [(4,)]),
        ("declare query_parameters(p:string = 'x'); print x = strcat(p, now()) | where false | count", [(0,)]),
    ],
)
def test_what_nobody_reads_asks_for_no_value(empty_database: Eventhouse, query: str, found: list[tuple[int]]) -> None:
    assert list(empty_database.query(query)[0].rows()) == found
