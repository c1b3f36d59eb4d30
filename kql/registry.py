"""The registry: which route answers with which function, and what KQL cannot say about it.

Everything else of an endpoint (types, defaults, result columns, descriptions) is the function's contract.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Literal

from emulator.types import KqlType
from kql.binding import DatabaseBinder
from kql.contracts import FunctionContract, FunctionParameter
from kql.errors import DefinitionError
from kql.loader import MarketDatabase, load_database
from kql.names import snake_case

REGISTRY_FILE = Path(__file__).parent / "registry.toml"
Example = bool | int | float | str | list[str]
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class ParameterRule:
    """What the registry says of a parameter; unset fields say nothing."""

    name: str | None = None
    allowed: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    example: Example | None = None
    symbol: bool = False
    list: bool = False
    before: str | None = None


@dataclass(frozen=True, slots=True)
class EndpointParameter:
    """A parameter as a caller of the API sees it.

    `name` is its public name, `argument` its name in KQL. `is_symbol` asks for a known company (else not found),
    `is_list` for values separated by commas, `before` names the public parameter whose value must be later.
    """

    name: str
    argument: str
    location: Literal["path", "query"]
    type: KqlType
    is_required: bool
    default: bool | int | float | str | None
    docstring: str
    allowed: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    example: Example | None = None
    is_symbol: bool = False
    is_list: bool = False
    before: str | None = None


@dataclass(frozen=True)
class Endpoint:
    """A route and the function that answers it; `max_age` is in seconds, `deprecated` says what to use instead."""

    route: str
    contract: FunctionContract
    parameters: tuple[EndpointParameter, ...]
    tags: tuple[str, ...] = ()
    max_age: int = 0
    deprecated: str = ""
    examples: Mapping[str, Example] = field(default_factory=dict)

    @cached_property
    def query_text(self) -> str:
        """The constant text of the query; values come as query parameters, and those left out take their defaults."""
        return call_text(self.contract.name, self.contract.parameters)

    def parameter(self, name: str) -> EndpointParameter | None:
        """Return the parameter of that public name."""
        return next((parameter for parameter in self.parameters if parameter.name == name), None)


@dataclass(frozen=True, slots=True)
class Registry:
    """Every endpoint, in the order of the documentation."""

    endpoints: tuple[Endpoint, ...]

    def find(self, route: str) -> Endpoint | None:
        """Return the endpoint of that exact route."""
        return next((endpoint for endpoint in self.endpoints if endpoint.route == route), None)


def load_registry(file: Path = REGISTRY_FILE, database: MarketDatabase | None = None) -> Registry:
    """Read the registry and derive the contract of every function in it; a mistake is a `DefinitionError`."""
    return _Reader(file, DatabaseBinder(database or load_database())).registry()


def call_text(function: str, parameters: tuple[FunctionParameter, ...]) -> str:
    """Return the text that declares a function's parameters and passes each of them on."""
    declared = ", ".join(
        f"{parameter.name}: {parameter.type}" + ("" if parameter.is_required else f" = {parameter.default_text}")
        for parameter in parameters
    )
    declaration = f"declare query_parameters({declared});\n" if declared else ""
    return f"{declaration}{function}({', '.join(parameter.name for parameter in parameters)})"


class _Reader:
    """Reads one registry file; every mistake is reported at its line."""

    def __init__(self, file: Path, binder: DatabaseBinder) -> None:
        self._file = file
        self._binder = binder
        self._text = file.read_text(encoding="utf-8")

    def registry(self) -> Registry:
        try:
            document = tomllib.loads(self._text)
        except tomllib.TOMLDecodeError as error:
            line = re.search(r"line (\d+)", str(error))
            raise DefinitionError(
                f"not valid TOML: {error}", self._file, int(line[1]) if line else None, "strings stand in double quotes"
            ) from error
        self._check_keys(document, {"parameter", "example", "endpoint"}, "the registry", None)
        rules = {
            name: self._rule(entry, name, f"[parameter.{name}]")
            for name, entry in self._table(document, "parameter", None).items()
        }
        examples = self._table(document, "example", None)
        entries = document.get("endpoint")
        if not isinstance(entries, list):
            raise DefinitionError("no [[endpoint]] found", self._file)
        endpoints: list[Endpoint] = []
        for entry in entries:
            endpoint = self._endpoint(entry, rules, examples)
            if any(endpoint.route == other.route for other in endpoints):
                raise self._error(f"route '{endpoint.route}' stands twice", f'"{endpoint.route}"')
            endpoints.append(endpoint)
        return Registry(tuple(endpoints))

    def _endpoint(
        self, entry: dict[str, object], shared: dict[str, ParameterRule], examples: dict[str, object]
    ) -> Endpoint:
        route, function = entry.get("route"), entry.get("function")
        if not isinstance(route, str) or not route.startswith("/") or not isinstance(function, str):
            raise self._error(f"an endpoint needs a route and a function, found {entry}", "[[endpoint]]")
        place = f'"{route}"'
        known = {"route", "function", "tags", "max_age", "deprecated", "parameter"}
        self._check_keys(entry, known, f"the endpoint {route}", place)
        contract = self._contract(function, place)
        own = {name: self._rule(rule, name, place) for name, rule in self._table(entry, "parameter", place).items()}
        for name in own:
            if contract.parameter(name) is None:
                raise self._error(
                    f"{function} has no parameter '{name}'",
                    place,
                    f"it has {', '.join(parameter.name for parameter in contract.parameters) or 'none'}",
                )
        rules = {
            parameter.name: _merged(shared.get(parameter.name), own.get(parameter.name))
            for parameter in contract.parameters
        }
        names = {argument: rule.name or snake_case(argument) for argument, rule in rules.items()}
        placeholders = set(_PLACEHOLDER.findall(route))
        if missing := placeholders - set(names.values()):
            raise self._error(
                f"the route names {sorted(missing)}, which {function} does not take",
                place,
                f"its parameters are {', '.join(names.values()) or 'none'}",
            )
        parameters = tuple(
            self._parameter(parameter, rules[parameter.name], names, placeholders, place)
            for parameter in contract.parameters
        )
        return Endpoint(
            route,
            contract,
            parameters,
            tags=tuple(str(tag) for tag in _list(entry.get("tags"))),
            max_age=self._number(entry.get("max_age", 0), "max_age", place),
            deprecated=str(entry.get("deprecated", "")),
            examples={
                column.name: _example(examples[column.name]) for column in contract.result if column.name in examples
            },
        )

    def _parameter(
        self,
        parameter: FunctionParameter,
        rule: ParameterRule,
        names: dict[str, str],
        placeholders: set[str],
        place: str,
    ) -> EndpointParameter:
        if rule.allowed and isinstance(parameter.default, str) and parameter.default not in rule.allowed:
            raise self._error(f"the default '{parameter.default}' of '{parameter.name}' is not allowed", place)
        name = names[parameter.name]
        return EndpointParameter(
            name=name,
            argument=parameter.name,
            location="path" if name in placeholders else "query",
            type=parameter.type,
            is_required=parameter.is_required,
            default=parameter.default,
            docstring=parameter.docstring,
            allowed=rule.allowed,
            minimum=rule.minimum,
            maximum=rule.maximum,
            example=rule.example,
            is_symbol=rule.symbol,
            is_list=rule.list,
            before=names.get(rule.before) if rule.before else None,
        )

    def _contract(self, function: str, place: str) -> FunctionContract:
        if function not in self._binder.function_names():
            close = get_close_matches(function, self._binder.function_names(), 1)
            raise self._error(
                f"no function '{function}' in the market database",
                place,
                f"is '{close[0]}' meant?" if close else "a function is a .kql file below kql/database",
            )
        return self._binder.contract(function)

    def _rule(self, entry: object, name: str, place: str) -> ParameterRule:
        if not isinstance(entry, dict):
            raise self._error(f"'{name}' is not a table of rules", place)
        known = set(ParameterRule.__dataclass_fields__)
        self._check_keys(entry, known, f"the parameter {name}", place)
        fields = dict(entry)
        if "allowed" in fields:
            fields["allowed"] = tuple(str(value) for value in _list(fields["allowed"]))
        return ParameterRule(**fields)

    def _table(self, document: dict[str, object], key: str, place: str | None) -> dict[str, object]:
        value = document.get(key, {})
        if not isinstance(value, dict):
            raise self._error(f"'{key}' is not a table", place or key)
        return value

    def _number(self, value: object, key: str, place: str) -> int:
        if not isinstance(value, int) or value < 0:
            raise self._error(f"'{key}' is a number of seconds, found {value!r}", place)
        return value

    def _check_keys(self, entry: dict[str, object], known: set[str], what: str, place: str | None) -> None:
        for key in entry:
            if key not in known:
                close = get_close_matches(key, sorted(known), 1)
                raise self._error(
                    f"'{key}' is unknown in {what}",
                    place or key,
                    f"is '{close[0]}' meant?" if close else f"known are {', '.join(sorted(known))}",
                )

    def _error(self, message: str, place: str, hint: str = "") -> DefinitionError:
        offset = self._text.find(place)
        line = self._text.count("\n", 0, offset) + 1 if offset >= 0 else None
        return DefinitionError(message, self._file, line, hint)


def _merged(shared: ParameterRule | None, own: ParameterRule | None) -> ParameterRule:
    if shared is None or own is None:
        return own or shared or ParameterRule()
    empty = ParameterRule()
    changed = {
        name: value
        for name in ParameterRule.__dataclass_fields__
        if (value := getattr(own, name)) != getattr(empty, name)
    }
    return replace(shared, **changed)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _example(value: object) -> Example:
    return [str(item) for item in value] if isinstance(value, list) else value  # type: ignore[return-value]
