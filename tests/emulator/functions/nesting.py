"""Calls nested in themselves, for every function, overload and argument; and the size of SQL as DuckDB plans it."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import duckdb

from emulator.functions.catalogue import CATALOGUE
from emulator.functions.function import Function, Parameter, Signature, Types
from emulator.functions.macros import MACROS
from emulator.functions.overloads import parameters_for
from emulator.types import KqlType, Scalar

# A column of each type, a value of it as a literal, and as the line of a CSV that fills the table.
COLUMNS: dict[Scalar, tuple[str, str, str]] = {
    Scalar.LONG: ("l", "3", "3"),
    Scalar.STRING: ("s", "'ab'", "ab"),
    Scalar.REAL: ("r", "1.5", "1.5"),
    Scalar.DYNAMIC: ("d", "dynamic([1, 2])", '"[1,2]"'),
    Scalar.DATETIME: ("t", "datetime(2026-01-02)", "2026-01-02"),
    Scalar.TIMESPAN: ("p", "1h", "01:00:00"),
    Scalar.BOOL: ("b", "true", "true"),
    Scalar.GUID: ("g", "guid(74be27de-1e4e-49d9-b579-fe0b331d3642)", "74be27de-1e4e-49d9-b579-fe0b331d3642"),
    Scalar.INT: ("i", "int(2)", "2"),
    Scalar.DECIMAL: ("m", "decimal(1.5)", "1.5"),
}
CREATION = f".create table T ({', '.join(f'{name}: {scalar.value}' for scalar, (name, _, _) in COLUMNS.items())})"
ROW = ",".join(value for _, _, value in COLUMNS.values()).encode()

_CONVERSIONS = {Scalar.REAL: "todouble", Scalar.DYNAMIC: "todynamic"}
_OF_TEXT = frozenset({Scalar.DATETIME, Scalar.TIMESPAN, Scalar.GUID})
_LISTS = frozenset({"in", "!in", "in~", "!in~", "has_any", "has_all"})
# Literals that a function asks for, by the name of the parameter.
_LITERALS = {
    "kind": "'normal'",
    "regex": "'(a)'",
    "captureGroups": "dynamic([1])",
    "jsonPath": "'$.a'",
    "part": "'day'",
    "format": "'s'",
    "indexof length": "-1",
    "units": "'KB'",
    "trend": "'avg'",
    "seasonality": "7",
    "method": "'ctukey'",
    "series_outliers kind": "'tukey'",
}
# Indexes are no calls; and what takes constants alone, or no argument of the type that stands for any.
_LEFT_OUT = frozenset(
    {
        "[]",
        "extract_all 1 1 dynamic",
        "extractall 1 1 dynamic",
        "series_decompose_anomalies 0 1 long",
        "in~ 0 0 string",
        "!in~ 0 0 string",
        "hash 0 0 dynamic",
        "hash_xxhash64 0 0 dynamic",
    }
)
# Compared element by element up to so many, as measured with DuckDB 2.0: the operand is written for each.
_FEW_ELEMENTS = 5
_DOUBLED = {"nullif": (2, 1), "array_to_string": (2, 1), "fmod": (2, 2)}


@dataclass(frozen=True)
class Nesting:
    """A call that holds itself as one of its arguments."""

    function: Function
    signature: Signature
    parameters: tuple[Parameter, ...]
    position: int
    scalar: Scalar
    number: int

    @property
    def id(self) -> str:
        """A name for a test."""
        return f"{self.function.name} {self.number} {self.position} {self.scalar.value}"

    def text(self, depth: int) -> str:
        """Return so many calls in one another, around a column."""
        scalars = tuple(
            self.scalar if not each.types or self.scalar in each.types else of_types(each.types)
            for position, each in enumerate(self.parameters)
        )
        result = self.signature.result_type(tuple(map(KqlType, scalars)))
        text = COLUMNS[self.scalar][0]
        for _ in range(depth):
            arguments = [
                text if n == self.position else self._literal(each, scalar)
                for n, (each, scalar) in enumerate(zip(self.parameters, scalars, strict=True))
            ]
            text = _converted(called(self.function.name, arguments), result, self.scalar)
        return f"T | project x = {text}"

    def _literal(self, parameter: Parameter, scalar: Scalar) -> str:
        usual = _LITERALS.get(parameter.name, COLUMNS[scalar][1])
        return _LITERALS.get(f"{self.function.name} {parameter.name}", usual)


def nestings() -> Iterator[Nesting]:
    """Yield every function, overload and argument that is no constant."""
    for function in CATALOGUE.functions.values():
        for number, signature in enumerate(function.signatures):
            for position, parameter in enumerate(given(signature, 0)):
                scalars = (
                    [of_types(parameter.types)] if parameter.types else [Scalar.LONG, Scalar.STRING, Scalar.DYNAMIC]
                )
                for scalar in () if parameter.constant else scalars:
                    nesting = Nesting(function, signature, given(signature, position), position, scalar, number)
                    if not {function.name, nesting.id} & _LEFT_OUT:
                        yield nesting


def given(signature: Signature, position: int) -> tuple[Parameter, ...]:
    """Return the parameters of as few arguments as reach a position, or for 0 of all."""
    most = len(signature.parameters)
    counts = (
        (*range(position + 1, most + 3), *range(position, -1, -1))
        if position
        else (*range(max(1, most), most + 3), *range(most, -1, -1))
    )
    return next(way for count in counts for way in parameters_for(signature.parameters, count))


def of_types(types: Types) -> Scalar:
    """Return a type that is one of some, or any if there are none."""
    return next(scalar for scalar in COLUMNS if not types or scalar in types)


def called(name: str, arguments: list[str]) -> str:
    """Return the text of a call, or of an operator between its operands."""
    if name in _LISTS:
        return f"({arguments[0]} {name} ({', '.join(arguments[1:])}))"
    if name in ("between", "!between"):
        return f"({arguments[0]} {name} ({arguments[1]} .. {arguments[2]}))"
    if name.replace("_", "").isalnum() and not name.endswith(_WORDS) and name not in ("and", "or", "has", "has_cs"):
        return f"{name}({', '.join(arguments)})"
    return f"({name} {arguments[0]})" if len(arguments) == 1 else f"({f' {name} '.join(arguments)})"


_WORDS = tuple(
    f"{word}{case}" for word in ("contains", "startswith", "endswith", "hasprefix", "hassuffix") for case in ("", "_cs")
)


def _converted(text: str, given: KqlType, wanted: Scalar) -> str:
    if given.scalar is wanted:
        return text
    if wanted is Scalar.DYNAMIC:
        return f"pack_array({text})"
    if wanted is Scalar.STRING:
        return f"tostring({text})"
    name = _CONVERSIONS.get(wanted, f"to{wanted.value}")
    if given.scalar is Scalar.DYNAMIC:
        return f"{name}({text}[0])"
    return f"{name}(tostring({text}))" if wanted in _OF_TEXT else f"{name}({text})"


def planned_size(sql: str) -> int:
    """Return how many nodes the SQL of a query is when DuckDB has put the bodies of macros in place of their calls."""
    return _size(_parsed(sql), {})


@cache
def copies(macro: str) -> tuple[int, ...]:
    """Return how often each argument of a macro stands in the body, bodies of inner macros written out."""
    parameters, body = _bodies()[macro]
    alone = _size(body, dict.fromkeys(parameters, 0))
    return tuple(_size(body, {**dict.fromkeys(parameters, 0), each: 1}) - alone for each in parameters)


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


@cache
def _bodies() -> dict[str, tuple[tuple[str, ...], object]]:
    return {macro.name: (macro.parameters, _parsed(f"SELECT {macro.body}")) for macro in MACROS}


def _parsed(sql: str) -> object:
    ((text,),) = _connection().execute("SELECT json_serialize_sql($sql)", {"sql": sql}).fetchall()
    tree = json.loads(text)
    assert not tree["error"], tree
    return tree["statements"]


def _size(node: object, sizes: dict[str, int]) -> int:
    if isinstance(node, list):
        return sum(_size(each, sizes) for each in node)
    if not isinstance(node, dict):
        return 0
    kind = node.get("class")
    if kind == "COLUMN_REF":
        name = node["column_names"][0]
        return sizes.get(name, 1) if len(node["column_names"]) == 1 else 1
    if kind == "BETWEEN":
        return 1 + 2 * _size(node["input"], sizes) + _size([node["lower"], node["upper"]], sizes)
    if kind == "OPERATOR" and node["type"] in ("COMPARE_IN", "COMPARE_NOT_IN"):
        operand, *elements = node["children"]
        times = len(elements) if len(elements) < _FEW_ELEMENTS else 1
        return 1 + times * _size(operand, sizes) + _size(elements, sizes)
    if kind == "FUNCTION" and "children" in node:
        name, arguments = node["function_name"], [_size(each, sizes) for each in node["children"]]
        if name in _bodies():
            parameters, body = _bodies()[name]
            return _size(body, dict(zip(parameters, arguments, strict=True)))
        return 1 + sum(
            size * times for size, times in zip(arguments, _DOUBLED.get(name, ()) or _ones(arguments), strict=True)
        )
    return (kind is not None) + sum(_size(each, sizes) for each in node.values())


def _ones(arguments: Iterable[object]) -> list[int]:
    return [1 for _ in arguments]
