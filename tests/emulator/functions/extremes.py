"""Extreme arguments for every function: what is empty, null, huge, negative, not finite, or a column."""

from collections.abc import Iterator

from emulator.functions.catalogue import CATALOGUE
from emulator.types import Scalar
from tests.emulator.functions.nesting import COLUMNS, called, given, of_types

VALUES: dict[Scalar, tuple[str, ...]] = {
    Scalar.BOOL: ("bool(null)", "false"),
    Scalar.INT: ("int(null)", "int(-2147483648)", "int(2147483647)", "int(0)"),
    Scalar.LONG: (
        "long(null)",
        "long(-9223372036854775808)",
        "9223372036854775807",
        "-1",
        "0",
        "11",
        "55296",
        "1114112",
    ),
    Scalar.REAL: ("real(null)", "real(nan)", "real(+inf)", "real(-inf)", "1.7976931348623157e308", "-1.5", "0.0"),
    Scalar.DECIMAL: ("decimal(null)", "decimal(99999999999999999999.9)", "decimal(-1.5)", "decimal(0)"),
    Scalar.STRING: ("''", "'\\0'", "'('", "'😀é'", "'[1'", "'\\\\'", "'9999999999999999999999'", "'%'"),
    Scalar.DATETIME: (
        "datetime(null)",
        "datetime(0001-01-01)",
        "datetime(9999-12-31T23:59:59.9999999)",
        "datetime(1970-01-01)",
    ),
    Scalar.TIMESPAN: ("timespan(null)", "time(10675199.02:48:05.4775807)", "time(-10675199.02:48:05.4775808)", "1tick"),
    Scalar.GUID: ("guid(null)",),
    Scalar.DYNAMIC: (
        "dynamic(null)",
        "dynamic([])",
        "dynamic({})",
        "dynamic([null])",
        "dynamic(['a', 1, null, {}])",
        "dynamic([1e308, -1e308])",
        "dynamic([-9223372036854775808, 9223372036854775807])",
        "dynamic(['\\ud800'])",
        "dynamic('x')",
        "dynamic(1)",
        "repeat(1.5, 3)",
    ),
}


def calls(name: str) -> Iterator[str]:
    """Yield calls of a function with one extreme argument each, and with columns where literals are common."""
    for signature in CATALOGUE.functions[name].signatures:
        parameters = given(signature, 0)
        scalars = [of_types(each.types) for each in parameters]
        usual = [COLUMNS[each][1] for each in scalars]
        for position, parameter in enumerate(parameters):
            tried = tuple(Scalar) if not parameter.types else (scalars[position],)
            for scalar in tried:
                for value in (*VALUES[scalar], *(() if parameter.constant else (COLUMNS[scalar][0],))):
                    yield called(name, [*usual[:position], value, *usual[position + 1 :]])
        for number in range(12):
            pick = [VALUES[each][(number * (n + 1)) % len(VALUES[each])] for n, each in enumerate(scalars)]
            yield called(name, pick)
        if not any(each.constant for each in parameters):
            yield called(name, [COLUMNS[each][0] for each in scalars])
