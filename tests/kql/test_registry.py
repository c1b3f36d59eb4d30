import re
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from emulator.syntax.parser import parse_query
from kql.errors import DefinitionError
from kql.loader import DATABASE_FOLDER, MarketDatabase, load_database
from kql.registry import REGISTRY_FILE, Registry, SourceColumn, load_registry


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry()


def test_a_route_begins_with_the_version_of_its_function_and_names_it_in_words(registry: Registry) -> None:
    for endpoint in registry.endpoints:
        version = endpoint.contract.name.rpartition("_")[2]
        assert re.fullmatch(rf"/{version}(/[a-z][a-z-]*|/\{{[a-z_]+\}})+", endpoint.route), endpoint.route


def test_a_parameter_has_one_public_name_whichever_function_takes_it(registry: Registry) -> None:
    taken = {(each.argument, each.name) for endpoint in registry.endpoints for each in endpoint.parameters}
    assert sorted(argument for argument, _ in taken) == sorted({argument for argument, _ in taken})


def test_every_released_function_has_a_route(registry: Registry) -> None:
    released = {path.stem for path in (DATABASE_FOLDER / "functions").glob("*.kql")}
    assert {endpoint.contract.name for endpoint in registry.endpoints} == released


def test_the_query_is_constant_text_and_carries_no_value(registry: Registry) -> None:
    endpoint = registry.find("/v1/analytics/{symbol}/volatility")
    assert endpoint is not None
    assert endpoint.query_text == (
        'declare query_parameters(symbol: string, estimator: string = "close", window: int = 20, '
        "startTime: datetime = datetime(null), endTime: datetime = datetime(null), asOf: datetime = datetime(null));\n"
        "Volatility_v1(symbol, estimator, window, startTime, endTime, asOf)"
    )
    for each in registry.endpoints:
        parse_query(each.query_text)


def test_a_parameter_carries_what_the_function_and_the_registry_say(registry: Registry) -> None:
    endpoint = registry.find("/v1/analytics/{symbol}/volatility")
    assert endpoint is not None
    symbol, start, window = (endpoint.parameter(name) for name in ("symbol", "from", "window"))
    assert symbol is not None
    assert (symbol.location, symbol.is_required, symbol.is_symbol) == ("path", True, True)
    assert start is not None
    assert (start.argument, start.default, start.before) == ("startTime", None, "to")
    assert window is not None
    assert (window.default, window.minimum, window.maximum, window.example) == (20, 2, 1000, 20)
    assert endpoint.examples["Volatility"] == 0.1874


def test_every_public_parameter_and_column_has_an_example(registry: Registry) -> None:
    for endpoint in registry.endpoints:
        assert [each.name for each in endpoint.parameters if each.example is None] == []
        assert [column.name for column in endpoint.contract.result if column.name not in endpoint.examples] == []


SPREAD = (
    '.create-or-alter function with (docstring = "D.") Spread_v1(symbol: string, days: int = 5) '
    "{ DailyRange_v1(symbol) | top days by Timestamp | project Symbol, Timestamp, Range }\n"
)


def extended(folder: Path, entry: str, kql: str = "") -> tuple[Path, MarketDatabase]:
    """Return the registry with one more entry, and the database with one more file."""
    file = folder / "registry.toml"
    file.write_text(REGISTRY_FILE.read_text(encoding="utf-8") + entry, encoding="utf-8")
    return file, database_with(kql or SPREAD)


@cache
def database_with(kql: str) -> MarketDatabase:
    """Return the database with one more function, read once."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "Spread_v1.kql").write_text(kql, encoding="utf-8")
        return load_database(DATABASE_FOLDER, Path(folder))


@pytest.mark.slow
def test_an_endpoint_has_examples_of_its_own(tmp_path: Path) -> None:
    entry = '\n[[endpoint]]\nroute = "/v1/x/{symbol}"\nfunction = "Spread_v1"\n[endpoint.example]\nRange = 7.5\n'
    endpoint = load_registry(*extended(tmp_path, entry)).find("/v1/x/{symbol}")
    assert endpoint is not None
    assert endpoint.examples == {"Symbol": "AAPL", "Timestamp": "2023-12-29T00:00:00Z", "Range": 7.5}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("entry", "message", "hint"),
    [
        ('route = "/v1/x/{symbol}"\nfunction = "Spread_v2"', "no function 'Spread_v2'", "is 'Spread_v1' meant?"),
        ('route = "/v1/x/{ticker}"\nfunction = "Spread_v1"', "the route names ['ticker']", "symbol, days"),
        ('route = "/v1/x/{symbol}"\nfunction = "Spread_v1"\nmaxage = 3', "'maxage' is unknown", "is 'max_age' meant?"),
        ('route = "/v1/x/{symbol}"\nfunction = "Spread_v1"\nmax_age = "3"', "'max_age' is a number of seconds", ""),
        ('route = "/v1/market/summary"\nfunction = "Spread_v1"', "stands twice", ""),
        ('route = "v1/x"\nfunction = "Spread_v1"', "an endpoint needs a route and a function", ""),
        (
            'route = "/v1/x/{symbol}"\nfunction = "Spread_v1"\n[endpoint.example]\nRnage = 2.0',
            "Spread_v1 has no result column 'Rnage'",
            "is 'Range' meant?",
        ),
        (
            'route = "/v1/x/{symbol}"\nfunction = "Spread_v1"\n[endpoint.parameter.window]\nminimum = 2',
            "Spread_v1 has no parameter 'window'",
            "it has symbol, days",
        ),
        (
            'route = "/v1/x/{symbol}"\nfunction = "Spread_v1"\n[endpoint.parameter.days]\nminimun = 2',
            "'minimun' is unknown in the parameter days",
            "is 'minimum' meant?",
        ),
    ],
)
def test_a_mistake_in_the_registry_is_named_with_its_line(tmp_path: Path, entry: str, message: str, hint: str) -> None:
    file, database = extended(tmp_path, f"\n[[endpoint]]\n{entry}\n")
    with pytest.raises(DefinitionError) as caught:
        load_registry(file, database)
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.file == file
    assert caught.value.line is not None


def test_toml_that_cannot_be_read_is_named_with_its_line(tmp_path: Path) -> None:
    file, database = extended(tmp_path, "\n[[endpoint]\n")
    with pytest.raises(DefinitionError, match="not valid TOML") as caught:
        load_registry(file, database)
    assert caught.value.line == len(REGISTRY_FILE.read_text(encoding="utf-8").splitlines()) + 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "name", "hint"),
    [
        ("[[endpoints]]", "endpoints", "is 'endpoint' meant?"),
        ("[[route.x]]", "route", "known are"),
        ("[apis]", "apis", "is 'api' meant?"),
    ],
)
def test_a_table_that_is_unknown_is_named_with_its_line(tmp_path: Path, table: str, name: str, hint: str) -> None:
    file, database = extended(tmp_path, f"\n{table}\na = 1\n")
    with pytest.raises(DefinitionError) as caught:
        load_registry(file, database)
    assert caught.value.message == f"'{name}' is unknown in the registry"
    assert caught.value.hint.startswith(hint)
    assert caught.value.line == len(REGISTRY_FILE.read_text(encoding="utf-8").splitlines()) + 2


GOOD = 'route = "/v1/x/{symbol}"\nfunction = "Spread_v1"\n'
DAYS = "[endpoint.parameter.days]\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("entry", "line", "message", "hint"),
    [
        (
            'max_age = 1\nroute = "v1/x"\nfunction = "Spread_v1"',
            2,
            "an endpoint needs a route and a function: a route begins with a slash, found 'v1/x'",
            "write '/v1/x'",
        ),
        (
            'route = "/v1/x/{symbol}"\nfn = "Spread_v1"',
            2,
            "'fn' is unknown in the endpoint /v1/x/{symbol}",
            "known are deprecated, example, function, max_age, parameter, route, tags",
        ),
        ('route = "/v1/x"', 0, "an endpoint needs a route and a function", "a function by its name"),
        (
            'function = "Spread_v1"',
            0,
            "an endpoint needs a route and a function, found {'function': 'Spread_v1'}",
            'route = "/v1/…"',
        ),
        (
            'function = "Spread_v1"\nroute = "/v1/x/{symbol"',
            2,
            "'/v1/x/{symbol' is no route",
            "between slashes stand letters, digits and '-_.~', or a parameter in braces: /v1/prices/{symbol}",
        ),
        (
            'function = "Spread_v1"\nroute = "/v1/{symbol}/{symbol}"',
            2,
            "'/v1/{symbol}/{symbol}' names a parameter twice",
            "",
        ),
        (
            'function = "Spread_v1"\nroute = "/v1/{symbol}"\n[[endpoint]]\n'
            'function = "Spread_v1"\nroute = "/v1/{days}"',
            5,
            "route '/v1/{days}' stands twice, once as '/v1/{symbol}'",
            "",
        ),
        (f"{GOOD}max_age = true", 3, "'max_age' is a number of seconds, found True", ""),
        (f'{GOOD}tags = "analytics"', 3, "'tags' is a list of texts, found 'analytics'", 'tags = ["…", "…"]'),
        (f"{GOOD}deprecated = true", 3, "'deprecated' is a text, found True", ""),
        (f'{GOOD}{DAYS}name = "symbol"', 0, "'symbol' and 'days' of Spread_v1 are both called 'symbol'", ""),
        (
            f"{GOOD}{DAYS}maximum = 10\nminimum = 20",
            5,
            "the minimum 20 of 'days' is above its maximum 10",
            "",
        ),
        (f"{GOOD}{DAYS}maximum = 4", 3, "the default 5 of 'days' is not from … to 4", ""),
        (f"{GOOD}{DAYS}minimum = 2\nexample = 1", 3, "the example 1 of 'days' is not from 2 to …", ""),
        (f'{GOOD}{DAYS}minimum = "2"', 4, "'minimum' is a number, found '2'", ""),
        (f"{GOOD}{DAYS}symbol = 1", 4, "'symbol' is true or false, found 1", ""),
        (f"{GOOD}[endpoint.parameter.symbol]\nminimum = 2", 4, "'symbol' is a string and has no minimum", ""),
        (
            f'{GOOD}[endpoint.parameter.symbol]\nallowed = ["A", "B"]\nexample = "C"',
            5,
            "the example 'C' of 'symbol' is not allowed",
            "allowed are A, B",
        ),
        (
            f"{GOOD}[parameter.windw]\nminimum = 2",
            3,
            "no function of an endpoint has a parameter 'windw'",
            "is 'window' meant?",
        ),
    ],
)
def test_what_would_be_without_effect_or_fail_later_is_told_at_its_own_line(
    tmp_path: Path, entry: str, line: int, message: str, hint: str
) -> None:
    file, database = extended(tmp_path, f"\n[[endpoint]]\n{entry}\n")
    with pytest.raises(DefinitionError) as caught:
        load_registry(file, database)
    header = len(REGISTRY_FILE.read_text(encoding="utf-8").splitlines()) + 2
    assert (caught.value.message, caught.value.line, caught.value.hint) == (message, header + line, hint)


@pytest.mark.parametrize(("column", "value", "type"), [("Price", '"x"', "real"), ("Symbol", "5", "string")])
def test_an_example_has_the_type_of_its_column(tmp_path: Path, column: str, value: str, type: str) -> None:
    entry = 'route = "/v1/x/{symbol}"\nfunction = "LatestPrice_v1"\ntags = ["prices"]'
    file, database = extended(tmp_path, f"\n[[endpoint]]\n{entry}\n\n[endpoint.example]\n{column} = {value}\n")
    with pytest.raises(DefinitionError) as caught:
        load_registry(file, database)
    found = value.replace('"', "'")
    assert caught.value.message == f"the example of '{column}' is no {type}, found {found}"
    assert caught.value.line == len(file.read_text(encoding="utf-8").splitlines())


@pytest.mark.slow
def test_an_example_of_no_column_is_told_at_its_line(tmp_path: Path) -> None:
    file, database = extended(tmp_path, "")
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('\nSymbol = "AAPL"\n', '\nSymbl = "AAPL"\n', 1), encoding="utf-8")
    with pytest.raises(DefinitionError) as caught:
        load_registry(file, database)
    assert caught.value.message == "no function of an endpoint has a result column 'Symbl'"
    assert caught.value.hint == "is 'Symbol' meant?"
    assert caught.value.line == text[: text.index('\nSymbol = "AAPL"\n') + 1].count("\n") + 1


def test_roles_are_declared_where_they_belong(registry: Registry) -> None:
    endpoint = registry.find("/v1/market/summary")
    companies = registry.find("/v1/companies")
    assert endpoint is not None
    assert companies is not None
    assert endpoint.moment == endpoint.parameter("as_of")
    assert companies.moment is None
    source = SourceColumn(
        "Source",
        "+",
        "Where the prices came from, several joined by `+`; `simulated` marks simulated prices.",
        "yahoo",
    )
    assert {each.source for each in registry.endpoints} == {source}
    assert (registry.texts.title, registry.texts.summary) == (
        "Tickhouse",
        "Rolling analytics of stock prices, computed by versioned KQL functions.",
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        ('separator = "+"\n', "", "[source] needs a separator", ""),
        ('separator = "+"', "separator = 1", "'separator' is a text, found 1", ""),
        ('separator = "+"', 'seperator = "+"', "'seperator' is unknown in [source]", "is 'separator' meant?"),
        ('title = "Tickhouse"', 'titel = "Tickhouse"', "'titel' is unknown in [api]", "is 'title' meant?"),
        (
            'column = "Source"',
            'column = "Sorce"',
            "no function of an endpoint has a result column 'Sorce'",
            "is 'Source' meant?",
        ),
        ("[parameter.symbol]\n", "[parameter.symbol]\nmoment = true\n", "'symbol' is a string and no moment", ""),
        ("moment = true", 'moment = "yes"', "'moment' is true or false, found 'yes'", ""),
    ],
)
def test_a_mistake_in_a_role_is_told(tmp_path: Path, old: str, new: str, message: str, hint: str) -> None:
    file = tmp_path / "registry.toml"
    file.write_text(REGISTRY_FILE.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DefinitionError) as caught:
        load_registry(file)
    assert (caught.value.message, caught.value.hint) == (message, hint)
