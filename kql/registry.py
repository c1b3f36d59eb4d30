"""The registry: which route answers with which function, and what KQL cannot say about it.

Everything else of an endpoint (types, defaults, result columns, descriptions) is the function's contract.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Literal

from emulator.syntax.statements import ScalarParameter
from emulator.types import KqlType, Scalar
from kql.binding import DatabaseBinder
from kql.contracts import FunctionContract, FunctionParameter
from kql.errors import DefinitionError
from kql.forms import is_value_of
from kql.loader import MarketDatabase, load_database
from kql.names import snake_case
from kql.registry_rules import (
    PLACEHOLDER,
    YEAR_SECONDS,
    Example,
    Mistake,
    ParameterRule,
    answers_all_of,
    mistake_in_name,
    mistake_in_order,
    mistake_in_path,
    mistake_in_route,
    mistake_in_rule,
    mistake_in_texts,
    mistake_in_version,
    wrong_example,
)
from kql.text_file import read_text
from kql.toml_lines import Path as Place
from kql.toml_lines import TomlLines

REGISTRY_FILE = Path(__file__).parent / "registry.toml"


@dataclass(frozen=True, slots=True)
class ApiTexts:
    """How the API as a whole presents itself; `description` is Markdown, `summary` one sentence of it."""

    title: str = ""
    summary: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """The result column that says where a record comes from: texts that `separator` parts."""

    column: str
    separator: str
    description: str
    example: str | None = None


@dataclass(frozen=True, slots=True)
class EndpointParameter:
    """A parameter as a caller of the API sees it.

    `name` is its public name, `argument` its name in KQL. `is_symbol` asks for a known company (else not found),
    `is_list` for values separated by commas, `before` names the public parameter whose value must be later.
    `is_moment` marks the moment of the view, which an answer repeats.
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
    is_moment: bool = False
    before: str | None = None


@dataclass(frozen=True)
class Endpoint:
    """A route and the function that answers it; `max_age` is in seconds, `deprecated` says what to use instead.

    `source` is the column of sources, which the function's result may have or not.
    """

    route: str
    contract: FunctionContract
    parameters: tuple[EndpointParameter, ...]
    tags: tuple[str, ...] = ()
    max_age: int = 0
    deprecated: str = ""
    examples: Mapping[str, Example] = field(default_factory=dict)
    source: SourceColumn | None = None

    @cached_property
    def query_text(self) -> str:
        """The constant text of the query; values come as query parameters, and those left out take their defaults."""
        return call_text(self.contract.name, self.contract.parameters)

    def parameter(self, name: str) -> EndpointParameter | None:
        """Return the parameter of that public name."""
        return next((parameter for parameter in self.parameters if parameter.name == name), None)

    @cached_property
    def moment(self) -> EndpointParameter | None:
        """The parameter that is the moment of the view."""
        return next((parameter for parameter in self.parameters if parameter.is_moment), None)


@dataclass(frozen=True, slots=True)
class Registry:
    """Every endpoint, in the order of the documentation, and how the API as a whole presents itself."""

    endpoints: tuple[Endpoint, ...]
    texts: ApiTexts = ApiTexts()

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
        self._text = read_text(file)
        self._lines = TomlLines(self._text)

    def registry(self) -> Registry:
        try:
            document = tomllib.loads(self._text)
        except tomllib.TOMLDecodeError as error:
            line = re.search(r"line (\d+)", str(error))
            raise DefinitionError(
                f"not valid TOML: {error}", self._file, int(line[1]) if line else None, "strings stand in double quotes"
            ) from error
        self._check_keys(document, {"api", "source", "parameter", "example", "endpoint"}, "the registry", ())
        rules = {
            name: self._rule(entry, name, ("parameter", name))
            for name, entry in self._table(document, "parameter", ()).items()
        }
        examples = self._table(document, "example", ())
        source = self._source(document, examples)
        entries = document.get("endpoint")
        if not isinstance(entries, list):
            raise DefinitionError("no [[endpoint]] found", self._file)
        endpoints: list[Endpoint] = []
        for number, entry in enumerate(entries):
            place = ("endpoint", number)
            endpoint = replace(self._endpoint(entry, rules, examples, place), source=source)
            self._check_reach(endpoint, endpoints, (*place, "route"))
            endpoints.append(endpoint)
        self._check_used(endpoints, rules, examples)
        texts = self._texts_of_api(document)
        for number, endpoint in enumerate(endpoints):
            function = endpoint.contract.name
            self._refuse(mistake_in_version(endpoint.route, function), ("endpoint", number))
            for other in endpoints[:number]:
                if other.contract.name == function:
                    raise self._error(
                        f"{function} answers '{other.route}' already",
                        ("endpoint", number, "function"),
                        "the API's document names an operation by its function: one route for each",
                    )
        return Registry(tuple(endpoints), texts)

    def _check_reach(self, endpoint: Endpoint, before: list[Endpoint], place: Place) -> None:
        """Refuse a route whose paths are all answered by one that stands before it, or whose path lacks nothing."""
        route = endpoint.route
        for other in before:
            if PLACEHOLDER.sub("{}", route) == PLACEHOLDER.sub("{}", other.route):
                same = "" if route == other.route else f", once as '{other.route}'"
                raise self._error(f"route '{route}' stands twice{same}", place)
            if answers_all_of(other.route, route):
                raise self._error(
                    f"the route '{route}' cannot be reached: '{other.route}' answers before it",
                    place,
                    f"write its endpoint above that of '{other.route}'",
                )
        for parameter in endpoint.parameters:
            if parameter.location == "path" and not parameter.is_required:
                raise self._error(
                    f"the path of '{route}' cannot leave out '{parameter.name}', which has a default",
                    place,
                    "make it a query parameter: leave it out of the route",
                )

    def _texts_of_api(self, document: dict[str, object]) -> ApiTexts:
        entry = self._table(document, "api", ())
        self._check_keys(entry, set(ApiTexts.__dataclass_fields__), "[api]", ("api",))
        return ApiTexts(**{key: self._words(value, key, ("api",)).strip() for key, value in entry.items()})

    def _source(self, document: dict[str, object], examples: dict[str, object]) -> SourceColumn | None:
        if "source" not in document:
            return None
        place, entry = ("source",), self._table(document, "source", ())
        keys = ("column", "separator", "description")
        self._check_keys(entry, set(keys), "[source]", place)
        for key in keys:
            value = entry.get(key)
            if not value or (isinstance(value, str) and key != "separator" and not value.strip()):
                raise self._error(f"[source] needs a {key}", place)
        column, separator, description = (self._text_of(entry[key], key, place) for key in keys)
        example = examples.get(column)
        return SourceColumn(column, separator, description, example if isinstance(example, str) else None)

    def _endpoint(
        self, entry: object, shared: dict[str, ParameterRule], examples: dict[str, object], place: Place
    ) -> Endpoint:
        if not isinstance(entry, dict):
            raise self._error(f"an endpoint is a table, found {entry!r}", place, "write [[endpoint]] above its keys")
        route = entry.get("route")
        known = {"route", "function", "tags", "max_age", "deprecated", "parameter", "example"}
        self._check_keys(entry, known, f"the endpoint {route}" if route else "an endpoint", place)
        route, function = self._route(entry, place), entry.get("function")
        if not isinstance(function, str):
            found = f", found {function!r}" if "function" in entry else ""
            raise self._error(
                f"an endpoint needs a route and a function{found}", (*place, "function"), "a function by its name"
            )
        contract = self._contract(function, (*place, "function"))
        own = {
            name: self._rule(rule, name, (*place, "parameter", name))
            for name, rule in self._table(entry, "parameter", place).items()
        }
        for name in own:
            if contract.parameter(name) is None:
                raise self._error(
                    f"{function} has no parameter '{name}'",
                    (*place, "parameter", name),
                    f"it has {', '.join(parameter.name for parameter in contract.parameters) or 'none'}",
                )
        own_examples = self._table(entry, "example", place)
        self._check_examples(contract, own_examples, examples, place)
        rules = {
            parameter.name: _merged(shared.get(parameter.name), own.get(parameter.name))
            for parameter in contract.parameters
        }
        names = {argument: rule.name or snake_case(argument) for argument, rule in rules.items()}
        places: dict[str, Place] = {
            argument: (*place, "parameter", argument) if argument in own else ("parameter", argument)
            for argument in rules
        }
        for argument, name in names.items():
            self._refuse(mistake_in_name(name), places[argument] if rules[argument].name else place)
            if twice := [other for other in names if names[other] == name and other != argument]:
                raise self._error(f"'{argument}' and '{twice[0]}' of {function} are both called '{name}'", place)
        placeholders = set(PLACEHOLDER.findall(route))
        if missing := placeholders - set(names.values()):
            raise self._error(
                f"the route names {sorted(missing)}, which {function} does not take",
                (*place, "route"),
                f"its parameters are {', '.join(names.values()) or 'none'}",
            )
        parameters = tuple(
            self._parameter(parameter, rules[parameter.name], names, placeholders, places[parameter.name])
            for parameter in contract.parameters
        )
        self._check_moments(contract, rules, own, places)
        columns = {column.name for column in contract.result}
        return Endpoint(
            route,
            contract,
            parameters,
            tags=self._tags(entry["tags"], place) if "tags" in entry else (),
            max_age=self._seconds(entry.get("max_age", 0), "max_age", place),
            deprecated=self._words(entry["deprecated"], "deprecated", place) if "deprecated" in entry else "",
            examples={name: _example(value) for name, value in (examples | own_examples).items() if name in columns},
        )

    def _check_examples(
        self, contract: FunctionContract, own: dict[str, object], shared: dict[str, object], place: Place
    ) -> None:
        columns = {column.name: column.type for column in contract.result}
        for name in own:
            if name not in columns:
                raise self._error(
                    f"{contract.name} has no result column '{name}'", (*place, "example", name), _meant(name, columns)
                )
        for name, type_ in columns.items():
            where = (*place, "example", name) if name in own else ("example", name)
            self._check_example(name, type_, own.get(name, shared.get(name)), where)

    def _check_moments(
        self,
        contract: FunctionContract,
        rules: dict[str, ParameterRule],
        own: dict[str, ParameterRule],
        places: dict[str, Place],
    ) -> None:
        """Refuse an order of parameters that none can have, and two moments of one view."""
        for name, rule in own.items():
            if rule.before is not None and rule.before not in rules:
                raise self._error(
                    f"{contract.name} has no parameter '{rule.before}'",
                    (*places[name], "before"),
                    f"it has {', '.join(rules)}",
                )
        if (mistaken := mistake_in_order(contract, rules)) is not None:
            self._refuse(mistaken[1], places[mistaken[0]])
        moments = [argument for argument, rule in rules.items() if rule.moment]
        if len(moments) > 1:
            raise self._error(
                f"'{moments[0]}' and '{moments[1]}' of {contract.name} are both the moment of the view",
                (*places[moments[1]], "moment"),
                "an answer repeats one moment",
            )

    def _route(self, entry: dict[str, object], place: Place) -> str:
        route = entry.get("route")
        place = (*place, "route")
        if not isinstance(route, str):
            raise self._error(f"an endpoint needs a route and a function, found {entry}", place, 'route = "/v1/…"')
        self._refuse(mistake_in_route(route), place)
        return route

    def _parameter(
        self,
        parameter: FunctionParameter,
        rule: ParameterRule,
        names: dict[str, str],
        placeholders: set[str],
        place: Place,
    ) -> EndpointParameter:
        self._refuse(mistake_in_rule(parameter, rule), place)
        name = names[parameter.name]
        if name in placeholders:
            self._refuse(mistake_in_path(parameter, rule), place)
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
            is_moment=rule.moment,
            before=names.get(rule.before) if rule.before else None,
        )

    def _check_used(
        self, endpoints: list[Endpoint], rules: dict[str, ParameterRule], examples: dict[str, object]
    ) -> None:
        """Refuse rules and examples that no endpoint takes: a misspelt name would be without effect."""
        arguments = {parameter.argument for endpoint in endpoints for parameter in endpoint.parameters}
        columns = {column.name for endpoint in endpoints for column in endpoint.contract.result}
        for key, names, known, what in (
            ("parameter", rules, arguments, "parameter"),
            ("example", examples, columns, "result column"),
        ):
            for name in names:
                if name not in known:
                    raise self._error(
                        f"no function of an endpoint has a {what} '{name}'", (key, name), _meant(name, known)
                    )
        for source in {endpoint.source for endpoint in endpoints} - {None}:
            if source is not None and source.column not in columns:
                raise self._error(
                    f"no function of an endpoint has a result column '{source.column}'",
                    ("source", "column"),
                    _meant(source.column, columns),
                )
        together = [{parameter.argument for parameter in endpoint.parameters} for endpoint in endpoints]
        for name, rule in rules.items():
            if rule.before is None:
                continue
            place = ("parameter", name, "before")
            if rule.before not in arguments:
                raise self._error(
                    f"no function of an endpoint has a parameter '{rule.before}'", place, _meant(rule.before, arguments)
                )
            if not any({name, rule.before} <= taken for taken in together):
                raise self._error(
                    f"no function of an endpoint has both '{name}' and '{rule.before}'",
                    place,
                    "it would be without effect",
                )

    def _contract(self, function: str, place: Place) -> FunctionContract:
        if function not in self._binder.function_names():
            close = get_close_matches(function, self._binder.function_names())
            raise self._error(
                f"no function '{function}' in the market database",
                place,
                f"is '{close[0]}' meant?" if close else "a function is a .kql file below kql/database",
            )
        contract = self._binder.contract(function)
        for parameter in contract.parameters:
            if parameter.type.scalar in (Scalar.DECIMAL, Scalar.DYNAMIC):
                raise self._error(
                    f"'{parameter.name}' of {function} is a {parameter.type}, which no URL carries",
                    place,
                    "take a text or a real, and convert it in the function",
                )
        stored = self._binder.function(function)
        for each in () if stored is None else stored.literal.parameters:
            if not isinstance(each, ScalarParameter):
                raise self._error(
                    f"'{each.name.text}' of {function} is a table, which no URL carries",
                    place,
                    "call it in a function that callers see",
                )
        return contract

    def _rule(self, entry: object, name: str, place: Place) -> ParameterRule:
        if not isinstance(entry, dict):
            raise self._error(f"'{name}' is not a table of rules", place)
        known = set(ParameterRule.__dataclass_fields__)
        self._check_keys(entry, known, f"the parameter {name}", place)
        fields = dict(entry)
        for key, value in entry.items():
            match key:
                case "allowed":
                    fields[key] = self._texts(value, key, place)
                case "minimum" | "maximum" if isinstance(value, bool) or not isinstance(value, int | float):
                    raise self._error(f"'{key}' is a number, found {value!r}", (*place, key))
                case "symbol" | "list" | "moment" if not isinstance(value, bool):
                    raise self._error(f"'{key}' is true or false, found {value!r}", (*place, key))
                case "name":
                    self._refuse(mistake_in_name(self._text_of(value, key, place)), place)
                case "before":
                    self._text_of(value, key, place)
        return ParameterRule(**fields)

    def _table(self, document: dict[str, object], key: str, place: Place) -> dict[str, object]:
        value = document.get(key, {})
        if not isinstance(value, dict):
            raise self._error(f"'{key}' is not a table", (*place, key))
        return value

    def _tags(self, value: object, place: Place) -> tuple[str, ...]:
        tags = self._texts(value, "tags", place)
        for tag in tags:
            self._words(tag, "tags", place)
        return tags

    def _check_example(self, name: str, type_: KqlType, value: object, place: Place) -> None:
        if value is None:
            return
        # Answers write timespans in a form of their own.
        is_right = isinstance(value, str) if type_.scalar is Scalar.TIMESPAN else is_value_of(type_.scalar, value)
        if not is_right:
            mistake = wrong_example(name, type_, value)
            raise self._error(mistake.message, place, mistake.hint)

    def _seconds(self, value: object, key: str, place: Place) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self._error(f"'{key}' is a number of seconds, found {value!r}", (*place, key))
        if value > YEAR_SECONDS:
            raise self._error(f"'{key}' is at most a year, found {value}", (*place, key), f"{YEAR_SECONDS} seconds")
        return value

    def _texts(self, value: object, key: str, place: Place) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._error(f"'{key}' is a list of texts, found {value!r}", (*place, key), f'{key} = ["…", "…"]')
        self._refuse(mistake_in_texts(key, tuple(value)), place)
        return tuple(value)

    def _words(self, value: object, key: str, place: Place) -> str:
        text = self._text_of(value, key, place)
        if not text.strip():
            raise self._error(f"'{key}' is blank", (*place, key), f"write what it says, or leave out '{key}'")
        return text

    def _text_of(self, value: object, key: str, place: Place) -> str:
        if not isinstance(value, str):
            raise self._error(f"'{key}' is a text, found {value!r}", (*place, key))
        return value

    def _check_keys(self, entry: dict[str, object], known: set[str], what: str, place: Place) -> None:
        for key in entry:
            if key not in known:
                raise self._error(f"'{key}' is unknown in {what}", (*place, key), _meant(key, known))

    def _refuse(self, mistake: Mistake | None, place: Place) -> None:
        if mistake is not None:
            raise self._error(mistake.message, (*place, *mistake.keys), mistake.hint)

    def _error(self, message: str, place: Place, hint: str = "") -> DefinitionError:
        return DefinitionError(message, self._file, self._lines.of(place), hint)


def _meant(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, sorted(known))
    return f"is '{close[0]}' meant?" if close else f"known are {', '.join(sorted(known))}"


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


def _example(value: object) -> Example:
    return [str(item) for item in value] if isinstance(value, list) else value  # type: ignore[return-value]
