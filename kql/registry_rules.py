"""What the registry may say of a route and of a parameter: each function tells the first mistake of its kind."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from emulator.types import KqlType, Scalar
from kql.contracts import FunctionContract, FunctionParameter
from kql.forms import HIGHEST, is_number_of, is_value_of, moment_of
from kql.names import RELEASED

# What the API serves itself, whatever the registry says; `api` takes its paths from here.
LANDING_ROUTE = "/"
DOCUMENTATION_ROUTE = "/docs"
DOCUMENTATION_FILES = "/docs-assets"
DOCUMENT_ROUTE = "/openapi.json"
ALIVE_ROUTE = "/healthz"
READY_ROUTE = "/readyz"
OWN_ROUTES = (
    LANDING_ROUTE,
    DOCUMENTATION_ROUTE,
    DOCUMENTATION_FILES,
    DOCUMENT_ROUTE,
    ALIVE_ROUTE,
    READY_ROUTE,
)
YEAR_SECONDS = 365 * 24 * 60 * 60
Example = bool | int | float | str | list[str]
PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}", re.ASCII)
_ROUTE = re.compile(r"(?:/(?:[\w.~-]+|\{[A-Za-z_]\w*\}))+", re.ASCII)
_TEXTS_ALONE = "texts and timespans have one; numbers have a minimum and a maximum"
_PUBLIC_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_VERSION_OF_ROUTE = re.compile(r"/v\d+(?=/|$)", re.IGNORECASE)


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
    moment: bool = False
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong, the keys that say it (below the entry that was looked at), and what would help."""

    message: str
    keys: tuple[str, ...] = ()
    hint: str = ""


def mistake_in_route(route: str) -> Mistake | None:
    """Tell what is wrong with a route by itself."""
    if not route.startswith("/"):
        return Mistake(
            f"an endpoint needs a route and a function: a route begins with a slash, found '{route}'",
            hint=f"write '/{route}'",
        )
    if not _ROUTE.fullmatch(route):
        return Mistake(
            f"'{route}' is no route",
            hint="between slashes stand letters, digits and '-_.~', or a parameter in braces: /v1/prices/{symbol}",
        )
    found = PLACEHOLDER.findall(route)
    if len(set(found)) < len(found):
        return Mistake(f"'{route}' names a parameter twice")
    if {".", ".."} & set(route.split("/")):
        return Mistake(
            f"the route '{route}' cannot be reached", hint="clients take '.' and '..' out of a path before they ask"
        )
    for own in OWN_ROUTES:
        if route == own or (own != LANDING_ROUTE and route.startswith(f"{own}/")):
            return Mistake(
                f"the route '{route}' cannot be reached: the API serves '{own}' itself",
                hint="a route begins with the version of its function, such as /v1",
            )
    return None


def mistake_in_version(route: str, function: str) -> Mistake | None:
    """Tell whether a route and its function are of different versions, or of none."""
    released = RELEASED.fullmatch(function)
    if released is None:
        return Mistake(
            f"{function} is no released version",
            ("function",),
            f"what callers see ends in its version, such as {function}_v1: its contract is locked",
        )
    version = f"/v{released['number']}"
    if not route.startswith(f"{version}/"):
        return Mistake(
            f"the route '{route}' does not begin with the version of {function}",
            ("route",),
            f"write '{version}{_unversioned(route) or '/…'}'",
        )
    return None


def _unversioned(route: str) -> str:
    version = _VERSION_OF_ROUTE.match(route)
    return route if version is None else route[version.end() :]


def answers_all_of(first: str, second: str) -> bool:
    """Tell whether every path of the second route is one of the first."""
    parts, others = first.split("/"), second.split("/")
    return len(parts) == len(others) and all(
        PLACEHOLDER.fullmatch(part) or part == other for part, other in zip(parts, others, strict=True)
    )


def mistake_in_name(name: str) -> Mistake | None:
    """Tell whether a name is none that a query string carries as it is."""
    if _PUBLIC_NAME.fullmatch(name):
        return None
    return Mistake(f"'{name}' is no name of a query parameter", ("name",), "it consists of letters, digits and '_-.'")


def mistake_in_texts(key: str, values: tuple[str, ...]) -> Mistake | None:
    """Tell whether a list of texts is empty or repeats one."""
    if not values:
        return Mistake(f"'{key}' is empty", (key,), f"name at least one, or leave out '{key}'")
    for number, value in enumerate(values):
        if value in values[:number]:
            return Mistake(f"'{value}' stands twice in '{key}'", (key,), "once is enough")
    return None


def mistake_in_rule(parameter: FunctionParameter, rule: ParameterRule) -> Mistake | None:
    """Tell what of a rule does not fit the parameter, or what no value meets, its default or its example."""
    return _role(parameter, rule) or _limits(parameter, rule) or _example(parameter, rule)


def mistake_in_path(parameter: FunctionParameter, rule: ParameterRule) -> Mistake | None:
    """Tell which text of a parameter's rule no part of a path can be: a request with it reaches no route."""
    texts = [("allowed", text) for text in rule.allowed]
    if isinstance(rule.example, str):
        texts.append(("example", rule.example))
    for key, text in texts:
        if not text or "/" in text or text in (".", ".."):
            return Mistake(
                f"'{text}' of '{parameter.name}' cannot stand in a path",
                (key,),
                "a part of a path is a text without slash",
            )
    return None


def _role(parameter: FunctionParameter, rule: ParameterRule) -> Mistake | None:
    name, type_ = parameter.name, parameter.type
    if rule.allowed and type_.scalar not in (Scalar.STRING, Scalar.TIMESPAN):
        return Mistake(f"'{name}' is a {type_} and has no list of allowed texts", ("allowed",), _TEXTS_ALONE)
    for allowed in rule.allowed:
        if not is_value_of(type_.scalar, allowed):
            return Mistake(f"the allowed '{allowed}' of '{name}' is no {type_}", ("allowed",), _form(type_))
    if rule.allowed and isinstance(parameter.default, str) and parameter.default not in rule.allowed:
        return Mistake(f"the default '{parameter.default}' of '{name}' is not allowed")
    if rule.moment and type_.scalar is not Scalar.DATETIME:
        return Mistake(f"'{name}' is a {type_} and no moment", ("moment",))
    for key, is_set in (("symbol", rule.symbol), ("list", rule.list)):
        if is_set and type_.scalar is not Scalar.STRING:
            return Mistake(f"'{name}' is a {type_} and no {key}", (key,), "symbols are texts")
    return None


def _limits(parameter: FunctionParameter, rule: ParameterRule) -> Mistake | None:
    name, type_, low, high = parameter.name, parameter.type, rule.minimum, rule.maximum
    for key, limit in (("minimum", low), ("maximum", high)):
        if limit is not None and not type_.scalar.is_numeric:
            return Mistake(f"'{name}' is a {type_} and has no {key}", (key,))
        if limit is not None and not is_number_of(type_.scalar, limit):
            return Mistake(f"the {key} of '{name}' is no {type_}, found {limit}", (key,), _plain_form(type_))
    if low is not None and high is not None and low > high:
        return Mistake(f"the minimum {low:g} of '{name}' is above its maximum {high:g}", ("minimum",))
    default = parameter.default
    if isinstance(default, int | float) and not _is_within(default, low, high):
        return Mistake(f"the default {default:g} of '{name}' is not from {_limit(low)} to {_limit(high)}")
    return None


def _example(parameter: FunctionParameter, rule: ParameterRule) -> Mistake | None:
    name, type_, value = parameter.name, parameter.type, rule.example
    if value is None:
        return None
    if not is_value_of(type_.scalar, value):
        mistake = wrong_example(name, type_, value)
        return replace(mistake, hint=mistake.hint or _plain_form(type_))
    if isinstance(value, int | float) and not _is_within(value, rule.minimum, rule.maximum):
        return Mistake(
            f"the example {value:g} of '{name}' is not from {_limit(rule.minimum)} to {_limit(rule.maximum)}"
        )
    if rule.allowed and value not in rule.allowed:
        return Mistake(
            f"the example '{value}' of '{name}' is not allowed", ("example",), f"allowed are {', '.join(rule.allowed)}"
        )
    return None


def wrong_example(name: str, type_: KqlType, value: object) -> Mistake:
    """Say that an example is none of its type, and how one is written."""
    return Mistake(f"the example of '{name}' is no {type_}, found {value!r}", ("example",), _form(type_))


def _form(type_: KqlType) -> str:
    match type_.scalar:
        case Scalar.DATETIME:
            return 'a date or an RFC 3339 time, in quotes: "2024-01-31", "2024-01-31T14:30:00Z"'
        case Scalar.TIMESPAN:
            return 'a timespan in quotes: "90s", "5m", "1h", "1d"'
        case Scalar.GUID:
            return "a UUID in quotes"
        case _:
            return ""


def mistake_in_order(contract: FunctionContract, rules: Mapping[str, ParameterRule]) -> tuple[str, Mistake] | None:
    """Tell which parameter cannot be before the one its rule names, and why; a function may lack the latter."""
    for parameter in contract.parameters:
        rule = rules[parameter.name]
        later = None if rule.before is None else contract.parameter(rule.before)
        if later is None:
            continue
        for each in (parameter, later):
            if each.type.scalar is not Scalar.DATETIME:
                return parameter.name, Mistake(
                    f"'{parameter.name}' cannot be before '{later.name}': '{each.name}' is a {each.type}",
                    ("before",),
                    "both are of type datetime",
                )
        if (circle := _circle(parameter.name, rules)) is not None:
            return parameter.name, Mistake(circle, ("before",), "no values meet that")
        first, second = rule.example, rules[later.name].example
        if isinstance(first, str) and isinstance(second, str) and moment_of(first) >= moment_of(second):
            return parameter.name, Mistake(
                f"the example '{first}' of '{parameter.name}' is not before '{second}', that of '{later.name}'",
                ("example",),
                "the endpoint would refuse its own examples",
            )
    return None


def _circle(name: str, rules: Mapping[str, ParameterRule]) -> str | None:
    way = [name]
    while (rule := rules.get(way[-1])) is not None and rule.before is not None:
        way.append(rule.before)
        if rule.before == name:
            if len(way) == 2:
                return f"'{name}' is before itself"
            return " and ".join(f"'{first}' is before '{second}'" for first, second in pairwise(way))
        if rule.before in way[:-1]:
            break
    return None


def _plain_form(type_: KqlType) -> str:
    match type_.scalar:
        case Scalar.INT | Scalar.LONG:
            return f"a whole number of at most {HIGHEST[type_.scalar]}"
        case Scalar.REAL | Scalar.DECIMAL:
            return "a finite number"
        case Scalar.BOOL:
            return "true or false, without quotes"
        case _:
            return "a text in quotes"


def _is_within(value: float, low: float | None, high: float | None) -> bool:
    return (low is None or low <= value) and (high is None or value <= high)


def _limit(value: float | None) -> str:
    return "…" if value is None else f"{value:g}"
